//! `docs/shop-images.md` as an operator follows it: every file of the page is saved, every command
//! run in one shell, and what they say is what the page shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PAGE: &str = include_str!("../../../docs/shop-images.md");

/// The ports that the page names; the test takes free ones instead.
const PORTS: [&str; 3] = ["8080", "3000", "9900"];

/// How long the whole page may take.
const PATIENCE: Duration = Duration::from_secs(280);

/// What the shell writes after each command, before its status.
const END: char = '\u{1e}';

#[derive(Debug)]
enum Step {
    File { name: String, text: String },
    Command { text: String, shown: String, is_rough: bool },
}

/// The page as steps, in its order.
fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = PAGE;
    while let Some((before, block)) = rest.split_once("```") {
        let (block, after) = block.split_once("\n```\n").unwrap();
        let (language, text) = block.split_once('\n').unwrap();
        match (language, saved_as(before)) {
            ("console", None) => commands(text, false, &mut steps),
            ("console about", None) => commands(text, true, &mut steps),
            ("promql", None) => {}
            (_, Some(name)) => steps.push(Step::File { name, text: text.to_owned() }),
            (language, None) => panic!("nobody tries this {language}:\n{text}"),
        }
        rest = after;
    }
    steps
}

/// The name of the file that the next block is, if the text before it says so.
fn saved_as(before: &str) -> Option<String> {
    let (_, name) = before.split_once("Save this as")?;
    Some(name.split('`').nth(1)?.to_owned())
}

/// The commands of a block: after `$`, continued after `>`, then what they say.
fn commands(block: &str, is_rough: bool, steps: &mut Vec<Step>) {
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            let (text, shown) = (command.to_owned(), String::new());
            steps.push(Step::Command { text, shown, is_rough });
        } else if let Some(Step::Command { text, shown, .. }) = steps.last_mut() {
            let (to, part) = match line.strip_prefix("> ") {
                Some(more) => (text, more),
                None => (shown, line),
            };
            to.push('\n');
            to.push_str(part);
        }
    }
}

/// All steps as one script.
fn script(steps: &[Step]) -> String {
    let one = |step: &Step| match step {
        Step::File { name, text } => format!("cat > {name} <<'END_OF_FILE'\n{text}\nEND_OF_FILE\n"),
        Step::Command { text, .. } => format!("{text}\nprintf '{END}%s\\n' $?\n"),
    };
    steps.iter().map(one).collect()
}

/// A shell and all that it started, ended when dropped.
struct Shell(Child);

impl Shell {
    fn start(dir: &Path) -> Self {
        let out = |name| std::fs::File::create(dir.join(name)).unwrap();
        let path = format!("{}:{}", dir.join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.arg("script").current_dir(dir).env("PATH", path).process_group(0);
        command.stdin(Stdio::null()).stdout(out("out")).stderr(out("err"));
        Self(command.spawn().unwrap())
    }

    /// Waits for its end; false when that took too long.
    fn ends(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.0.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _gone_is_fine =
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _reaped_is_fine = self.0.wait();
    }
}

/// `weir` on the path. The page leaves out `--admin` where it is the default.
fn write_weir(dir: &Path, admin: &str) {
    let weir = testkit::weir::binary().display();
    let text = format!(
        "#!/bin/sh\ncase $1 in purge|cache) set -- \"$@\" --admin 127.0.0.1:{admin};; esac\n\
         exec '{weir}' \"$@\"\n"
    );
    let file = dir.join("bin/weir");
    std::fs::create_dir_all(dir.join("bin")).unwrap();
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// What of an output has to be as the page shows it: all but the exact seconds of lifetimes, and of
/// a rough one all but numbers and the width of columns.
fn comparable(text: &str, is_rough: bool) -> String {
    let line = |line: &str| match is_rough {
        true => without_numbers(line),
        false => without_seconds(line.trim_end()),
    };
    text.trim().lines().map(line).collect::<Vec<_>>().join("\n")
}

fn without_numbers(line: &str) -> String {
    let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let texts = words.split(|c: char| c.is_ascii_digit()).filter(|text| !text.is_empty());
    texts.collect::<Vec<_>>().join("1")
}

/// `ttl=` tells only whether it is fresh; no lifetime of the page is shorter than some minutes.
fn without_seconds(line: &str) -> String {
    let word = |word: &str| {
        let Some(ttl) = word.strip_prefix("ttl=") else { return word.to_owned() };
        let ttl: i64 = ttl.trim_end_matches(';').parse().unwrap();
        if ttl > 100 { "fresh".to_owned() } else { "stale".to_owned() }
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What each command said.
fn run(steps: &[Step], dir: &Path) -> Vec<String> {
    let ports = PORTS.map(|_| testkit::port::free_addr().port().to_string());
    write_weir(dir, &ports[2]);
    let mut text = script(steps);
    for (named, free) in PORTS.iter().zip(&ports) {
        text = text.replace(named, free);
    }
    std::fs::write(dir.join("script"), text).unwrap();
    let mut shell = Shell::start(dir);
    let in_time = shell.ends();
    drop(shell);
    let read = |name| std::fs::read_to_string(dir.join(name)).unwrap();
    let mut out = read("out");
    assert!(in_time, "it does not end:\n{out}\n{}", read("err"));
    for (named, free) in PORTS.iter().zip(&ports) {
        out = out.replace(free, named);
    }
    said(&out)
}

/// Output and status of each command, with [`END`] between them.
fn said(out: &str) -> Vec<String> {
    let mut said = vec![String::new()];
    let mut in_status = false;
    for letter in out.chars() {
        let last = said.last_mut().unwrap();
        match letter {
            '\n' if in_status => {
                in_status = false;
                said.push(String::new());
            }
            _ => {
                in_status |= letter == END;
                last.push(letter);
            }
        }
    }
    said
}

/// What is wrong with what a command said.
fn difference(step: &Step, said: &str) -> Option<String> {
    let Step::Command { text, shown, is_rough } = step else { return None };
    let (said, status) = said.split_once(END).unwrap_or((said, "none"));
    let [said, shown] = [said, shown].map(|text| comparable(text, *is_rough));
    let is_right = said == shown && status == "0";
    (!is_right).then(|| format!("$ {text}\n{said}\n({status}) where the page shows:\n{shown}\n"))
}

fn has_tools() -> bool {
    let runs = |tool: &&str| Command::new(tool).arg("--version").output().is_ok();
    let found = ["bash", "curl", "python3"].iter().all(runs);
    if !found {
        println!("skipped: it takes bash, curl and python3");
    }
    found
}

#[test]
fn every_command_of_the_page_says_what_it_shows() {
    if !has_tools() {
        return;
    }
    let steps = steps();
    let dir = tempfile::tempdir().unwrap();
    let said = run(&steps, dir.path());
    let commands = || steps.iter().filter(|step| matches!(step, Step::Command { .. }));
    assert!(commands().count() > 40, "{steps:#?}");
    let said = said.iter().map(String::as_str).chain(std::iter::repeat(""));
    let wrong: Vec<_> = commands().zip(said).filter_map(|(a, b)| difference(a, b)).collect();
    let err = std::fs::read_to_string(dir.path().join("err")).unwrap();
    assert!(wrong.is_empty(), "{}\nstandard error:\n{err}", wrong.join("\n"));
}

#[test]
fn it_ends_at_95_percent_or_more() {
    let steps = steps();
    let ratios = steps.iter().filter_map(|step| match step {
        Step::Command { text, shown, .. } if text == "sh hits.sh" => Some(shown.trim()),
        _ => None,
    });
    let ratios: Vec<u32> =
        ratios.map(|shown| shown.strip_suffix(" % hits").unwrap().parse().unwrap()).collect();
    assert!(ratios.is_sorted() && ratios.first() == Some(&0), "{ratios:?}");
    assert!(ratios.last() >= Some(&95), "{ratios:?}");
}

#[test]
fn the_table_has_every_reason() {
    let page = include_str!("../../../docs/caching.md");
    let (_, list) = page.split_once("The reasons are ").unwrap();
    let (list, _) = list.split_once(".\n").unwrap();
    let reasons: Vec<_> = list.split('`').skip(1).step_by(2).collect();
    assert!(reasons.len() > 10, "{reasons:?}");
    for reason in reasons {
        assert!(PAGE.contains(&format!("`detail={reason}`")), "{reason}");
    }
}
