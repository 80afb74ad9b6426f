//! The configuration of each cache: as in `peer`, with responses kept by what their origin says.

use std::ffi::OsString;

use super::certificate;
use super::contender::Site;
use super::peer::{NGINX_FIELDS, nginx_opening, pair};
use super::scenario::Store;

/// Weir.
pub(super) fn weir(site: &Site<'_>, store: Store) -> String {
    let Site { listen, tls, origin, kept, .. } = site;
    let (certificate, key) = pair(site);
    let room = match store {
        Store::Memory { mib } => format!(r#"memory "{mib}MiB""#),
        Store::Disk { memory_mib, disk_mib } => {
            let kept = kept.display();
            format!(r#"memory "{memory_mib}MiB"; disk "{kept}" size="{disk_mib}MiB""#)
        }
    };
    format!(
        r#"workers 1
listen "{listen}"
listen "{tls}" {{ tls {{ certificate "{certificate}" key="{key}"; }}; }}
limits {{
    connections-max 100000
    connections-per-client-max 100000
    tls-handshakes-per-client "1000000/s"
}}
timeouts {{ client-idle "10m"; }}
cache {{ {room}; }}
upstream "origin" {{ server "{origin}"; }}
site {{
    route "/*" {{ cache; proxy "origin"; }}
}}
"#
    )
}

/// nginx: files straight into their place, many evicted at a time, some of them kept open.
/// `sendfile` pays for a large one alone, as a whole: a small one leaves in one call with its head,
/// and a part of a large one meets with delayed acknowledgements.
pub(super) fn nginx(site: &Site<'_>, store: Store) -> String {
    let Site { listen, tls, origin, folder, kept, .. } = site;
    let (opening, kept) = (nginx_opening(folder), kept.display());
    let (certificate, key) = pair(site);
    let (room_mib, open_max) = match store {
        Store::Memory { mib } => (mib, 1_000),
        Store::Disk { disk_mib, .. } => (disk_mib, 10_000),
    };
    format!(
        r#"{opening}    open_file_cache max={open_max} inactive=60s;
    open_file_cache_valid 60s;
    proxy_cache_path {kept} levels=1:2 keys_zone=objects:64m max_size={room_mib}m inactive=7d
        use_temp_path=off manager_files=1000;
    upstream origin {{
        server {origin};
        keepalive 1024;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen {listen} backlog=4096;
        listen {tls} ssl backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:tls:10m;
        proxy_cache objects;
        proxy_cache_lock on;
        proxy_cache_revalidate on;
        proxy_force_ranges on;
        proxy_http_version 1.1;
{NGINX_FIELDS}        add_header Cache-Status "nginx; $upstream_cache_status; ttl=00000";
        location / {{ proxy_pass http://origin; }}
        location = /f/1048576/1 {{
            proxy_pass http://origin;
            sendfile on;
            tcp_nopush on;
        }}
    }}
}}
"#
    )
}

/// HAProxy: what its cache is allowed at the most.
pub(super) fn haproxy(site: &Site<'_>, store: Store) -> String {
    let Site { listen, tls, origin, .. } = site;
    let both = site.certificate.join(certificate::BOTH).display().to_string();
    let (Store::Memory { mib } | Store::Disk { memory_mib: mib, .. }) = store;
    format!(
        r#"global
    tune.ssl.default-dh-param 2048
    nbthread 1
    no strict-limits
    maxconn 12000
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
    http-reuse always
    option forwardfor
cache objects
    total-max-size {mib}
    max-object-size 4194304
    max-age 86400
frontend client
    bind {listen}
    bind {tls} ssl crt {both} alpn http/1.1
    http-after-response set-header Via "1.1 haproxy"
    http-after-response set-header Cache-Status "haproxy; hit; ttl=00000"
    default_backend upstream
backend upstream
    http-request cache-use objects
    http-response cache-store objects
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header Forwarded for=%[src];host="%[req.hdr(host)]";proto=http
    http-request set-header X-Request-Id %[uuid]
    http-request set-header Via "1.1 haproxy"
    server origin {origin}
"#
    )
}

/// Varnish: nothing is used past its time, and what is past it is kept to be validated.
pub(super) fn varnish(site: &Site<'_>) -> String {
    let (ip, port) = (site.origin.ip(), site.origin.port());
    format!(
        r#"vcl 4.1;
backend origin {{ .host = "{ip}"; .port = "{port}"; }}
sub vcl_recv {{
    set req.http.X-Forwarded-Proto = "http";
    set req.http.X-Forwarded-Host = req.http.Host;
}}
sub vcl_backend_response {{
    set beresp.grace = 0s;
    set beresp.keep = 1h;
}}
sub vcl_deliver {{
    set resp.http.Cache-Status = "varnish; hit; ttl=00000";
}}
"#
    )
}

/// How Varnish is started: threads in one pool, ready before they are needed.
pub(super) fn varnish_args(site: &Site<'_>, store: Store) -> Vec<OsString> {
    let Site { listen, folder, work, kept, .. } = site;
    let room = match store {
        Store::Memory { mib } => format!("objects=malloc,{mib}m"),
        Store::Disk { disk_mib, .. } => {
            format!("objects=file,{}/varnish.bin,{disk_mib}m", kept.display())
        }
    };
    let mut args: Vec<OsString> = ["-F", "-j", "none", "-n"].map(OsString::from).to_vec();
    args.push(work.into());
    args.extend(["-a".into(), listen.to_string().into()]);
    args.extend(["-f".into(), folder.join(VARNISH_FILE).into()]);
    args.extend(["-s".into(), room.into()]);
    let settings = ["thread_pools=1", "thread_pool_min=200", "timeout_idle=600", "nuke_limit=1000"];
    args.extend(settings.iter().flat_map(|setting| ["-p", setting]).map(OsString::from));
    args
}

/// The name of Varnish's configuration.
pub(super) const VARNISH_FILE: &str = "default.vcl";

/// Traffic Server's files: one thread for all connections, and a directory for as many objects as
/// there will be. It refuses to run as root, and becomes the user that came with its package.
pub(super) fn traffic_server(site: &Site<'_>, store: Store) -> Vec<(&'static str, String)> {
    let Site { listen, tls, origin, kept, .. } = site;
    let (ram_mib, storage_mib) = match store {
        Store::Memory { mib } => (mib, mib),
        Store::Disk { memory_mib, disk_mib } => (memory_mib, disk_mib),
    };
    let ports =
        format!("{}:ip-in={ip} {}:ip-in={ip}:ssl", listen.port(), tls.port(), ip = listen.ip());
    let certificate = site.certificate.display();
    let records = format!(
        "CONFIG proxy.config.http.server_ports STRING {ports}
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.accept_threads INT 0
CONFIG proxy.config.task_threads INT 1
CONFIG proxy.config.admin.user_id STRING trafficserver
CONFIG proxy.config.core_limit INT 0
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.url_remap.pristine_host_hdr INT 1
CONFIG proxy.config.http.insert_response_via_str INT 1
CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 600
CONFIG proxy.config.http.keep_alive_no_activity_timeout_out INT 600
CONFIG proxy.config.net.connections_throttle INT 12000
CONFIG proxy.config.cache.ram_cache.size INT {ram_mib}M
CONFIG proxy.config.cache.min_average_object_size INT 4000
CONFIG proxy.config.ssl.server.cert.path STRING {certificate}
CONFIG proxy.config.ssl.server.private_key.path STRING {certificate}
"
    );
    let everyone =
        "ip_allow:\n  - apply: in\n    ip_addrs: 0/0\n    action: allow\n    methods: ALL\n";
    vec![
        ("records.config", records),
        ("remap.config", format!("map / http://{origin}/\n")),
        ("storage.config", format!("{} {storage_mib}M\n", kept.display())),
        ("ssl_multicert.config", format!("dest_ip=* ssl_cert_name={}\n", certificate::BOTH)),
        ("ip_allow.yaml", everyone.to_owned()),
        ("runroot.yaml", runroot(site)),
    ]
}

fn runroot(site: &Site<'_>) -> String {
    let (folder, work) = (site.folder.display(), site.work.display());
    format!(
        "prefix: {folder}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
sysconfdir: {folder}
datadir: /usr/share/trafficserver
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {work}
runtimedir: {work}
logdir: {work}
cachedir: {work}
"
    )
}
