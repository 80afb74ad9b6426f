//! The configuration of each proxy: one worker, no access log, idle upstream connections kept,
//! the same fields added to each message (forwarding, request id, `Via`), nothing buffered to
//! disk, no limit that the load would meet.

use std::net::SocketAddr;
use std::path::Path;

use super::certificate;
use super::contender::Site;

/// Weir.
pub(super) fn weir(site: &Site<'_>) -> String {
    let Site { listen, h2c, tls, origin, .. } = site;
    let (certificate, key) = pair(site);
    let protocol = if site.h2_origin { "h2" } else { "h1" };
    format!(
        r#"workers 1
listen "{listen}"
listen "{h2c}"
listen "{tls}" {{ tls {{ certificate "{certificate}" key="{key}"; }}; }}
limits {{
    connections-max 100000
    connections-per-client-max 100000
    body-bytes-max "4GiB"
    tls-handshakes-per-client "1000000/s"
}}
timeouts {{ client-idle "10m"; }}
upstream "origin" {{ server "{origin}"; protocol "{protocol}"; }}
site {{
    route "/*" {{ proxy "origin"; }}
}}
"#
    )
}

/// What every nginx begins with, up to the first settings of its `http`.
pub(super) fn nginx_opening(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"worker_processes 1;
daemon off;
user root;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 12000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
"#
    )
}

/// What nginx adds to requests and responses, as Weir does by itself.
pub(super) const NGINX_FIELDS: &str = r#"        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header Forwarded "for=$remote_addr;host=\"$http_host\";proto=$scheme";
        proxy_set_header X-Request-Id $request_id;
        proxy_set_header Via "1.1 nginx";
        add_header Via "1.1 nginx";
"#;

/// nginx: streaming uploads, and downloads that never touch the disk.
pub(super) fn nginx(site: &Site<'_>) -> String {
    let Site { listen, h2c, tls, origin, folder, .. } = site;
    let opening = nginx_opening(folder);
    let (certificate, key) = pair(site);
    format!(
        r#"{opening}    client_max_body_size 0;
    client_body_buffer_size 64k;
    upstream origin {{
        server {origin};
        keepalive 1024;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen {listen} backlog=4096;
        listen {h2c} http2 backlog=4096;
        listen {tls} ssl http2 backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:tls:10m;
        http2_max_concurrent_streams 128;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
{NGINX_FIELDS}        }}
    }}
}}
"#
    )
}

/// The files of the certificate and of its key.
pub(super) fn pair(site: &Site<'_>) -> (String, String) {
    let path = |name: &str| site.certificate.join(name).display().to_string();
    (path(certificate::CERTIFICATE), path(certificate::KEY))
}

/// An origin of HTTP/2 in the clear, with the small answer alone.
pub(super) fn h2_origin(listen: SocketAddr, folder: &Path) -> String {
    let (folder, body) = (folder.display(), "w".repeat(128));
    format!(
        r#"worker_processes 1;
daemon off;
user root;
pid {folder}/h2-origin.pid;
error_log stderr crit;
events {{ worker_connections 12000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    server {{
        listen {listen} http2 backlog=4096;
        http2_max_concurrent_streams 128;
        location / {{ return 200 "{body}"; }}
    }}
}}
"#
    )
}

/// HAProxy: splicing where it thinks that it pays, and content with the open files there are.
pub(super) fn haproxy(site: &Site<'_>) -> String {
    let Site { listen, h2c, tls, origin, .. } = site;
    let both = site.certificate.join(certificate::BOTH).display().to_string();
    let protocol = if site.h2_origin { " proto h2" } else { "" };
    format!(
        r#"global
    tune.ssl.default-dh-param 2048
    tune.h2.max-concurrent-streams 128
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
    option splice-auto
    option splice-request
    option splice-response
frontend client
    bind {listen}
    bind {h2c} proto h2
    bind {tls} ssl crt {both} alpn h2,http/1.1
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header Forwarded for=%[src];host="%[req.hdr(host)]";proto=http
    http-request set-header X-Request-Id %[uuid]
    http-request set-header Via "1.1 haproxy"
    http-response set-header Via "1.1 haproxy"
    default_backend upstream
backend upstream
    server origin {origin}{protocol}
"#
    )
}

/// Caddy: more idle upstream connections than the 32 of its default.
pub(super) fn caddy(site: &Site<'_>) -> String {
    let Site { listen, h2c, tls, origin, .. } = site;
    let (certificate, key) = pair(site);
    let versions = if site.h2_origin { "versions h2c 2" } else { "" };
    let ports = [listen, h2c].map(|address| format!("http://:{}", address.port())).join(", ");
    let secure = tls.port();
    format!(
        r#"{{
    admin off
    auto_https off
    persist_config off
    log {{
        output discard
    }}
    servers {{
        protocols h1 h2 h2c
    }}
}}
(site) {{
    bind {ip}
    reverse_proxy {origin} {{
        transport http {{
            compression off
            {versions}
            keepalive 600s
            keepalive_idle_conns 2048
            keepalive_idle_conns_per_host 1024
        }}
        header_up X-Request-Id {{http.request.uuid}}
        header_up Forwarded "for={{http.request.remote.host}};proto=http"
    }}
}}
{ports} {{
    import site
}}
https://:{secure} {{
    tls {certificate} {key}
    import site
}}
"#,
        ip = listen.ip()
    )
}

/// Flags of Envoy beside its configuration.
pub(super) const ENVOY_FLAGS: [&str; 5] =
    ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"];

/// Envoy: without the circuit breakers, time-outs and tracing fields of its defaults.
pub(super) fn envoy(site: &Site<'_>) -> String {
    let Site { listen, h2c, tls, origin, .. } = site;
    let (origin_ip, origin_port) = (origin.ip(), origin.port());
    let http = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let options = if site.h2_origin {
        format!(
            r#"    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": {http}
        explicit_http_config: {{ http2_protocol_options: {{}} }}
"#
        )
    } else {
        String::new()
    };
    let (certificate, key) = pair(site);
    let api = "type.googleapis.com/envoy.extensions.transport_sockets";
    let socket = format!(
        r#"      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": {api}.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_params: {{ tls_maximum_protocol_version: TLSv1_3 }}
            tls_certificates:
            - certificate_chain: {{ filename: "{certificate}" }}
              private_key: {{ filename: "{key}" }}
"#
    );
    let listeners = [
        envoy_listener("plain", *listen, ""),
        envoy_listener("h2c", *h2c, ""),
        envoy_listener("tls", *tls, &socket),
    ];
    format!(
        r#"static_resources:
  listeners:
{listeners}  clusters:
  - name: origin
    type: STATIC
{options}    circuit_breakers:
      thresholds:
      - {{ max_connections: 100000, max_pending_requests: 100000, max_requests: 100000 }}
    load_assignment:
      cluster_name: origin
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address: {{ address: "{origin_ip}", port_value: {origin_port} }}
"#,
        listeners = listeners.concat()
    )
}

fn envoy_listener(name: &str, listen: SocketAddr, socket: &str) -> String {
    let (ip, port) = (listen.ip(), listen.port());
    let http = "type.googleapis.com/envoy.extensions.filters";
    format!(
        r#"  - name: {name}
    address: {{ socket_address: {{ address: "{ip}", port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {http}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: client
          codec_type: AUTO
          use_remote_address: true
          via: "1.1 envoy"
          common_http_protocol_options: {{ idle_timeout: 600s }}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": {http}.http.router.v3.Router
              suppress_envoy_headers: true
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{ prefix: "/" }}
                route: {{ cluster: origin, timeout: 0s }}
{socket}"#
    )
}
