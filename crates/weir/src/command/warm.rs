//! `weir warm`: asks a running Weir for what users will ask for, so that its cache has it.
//!
//! All URLs are gathered first, within bounds, so that it can be told how far it is.

mod fields;
mod list;
mod progress;
mod sitemap;
mod tally;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use cache::status::Told;
use control::{Dialer, Fetcher};
use http::{HeaderMap, Uri};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::cli::WarmWish;
use crate::command::{Failure, print};
use list::Urls;
use progress::Progress;
use tally::{Outcome, Tally};

/// Warms, and prints what came of it.
pub(super) fn run(wish: &WarmWish) -> Result<(), Failure> {
    let variants = fields::variants(&wish.header).map_err(wrong)?;
    let mut urls = Urls::new(wish.urls_max as usize);
    if let Some(file) = &wish.file {
        list::read(file, &mut urls)?;
    }
    let idle_timeout = Duration::from_secs(wish.timeout);
    let trust = (wish.ca.as_deref(), !wish.insecure);
    let dialer = Dialer::new(wish.connect.clone(), idle_timeout, trust).map_err(wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let warming = async {
        let mut tally = Tally::default();
        if let Some(sitemap) = &wish.sitemap {
            let total_timeout = Duration::from_secs(wish.max_time);
            let source = (&dialer, total_timeout);
            sitemap::gather(source, sitemap, (&mut urls, &mut tally)).await?;
        }
        Ok(warm(wish, (dialer, variants, urls), tally).await)
    };
    let done = LocalSet::new().block_on(&runtime, warming);
    // A name that is still being looked up must not hold the end up.
    runtime.shutdown_background();
    let tally = done?;
    print(&tally.summary())?;
    match tally.failed() {
        0 => Ok(()),
        failed => Err(Failure::failed(format!("{failed} of {} failed", tally.done()))),
    }
}

fn wrong(message: String) -> Failure {
    Failure::wrong(format!("weir: {message}"))
}

/// What all that fetch at once share.
struct Shared {
    dialer: Dialer,
    variants: Vec<HeaderMap>,
    urls: Urls,
    next: Cell<usize>,
    pace: Pace,
    total_timeout: Duration,
    tally: RefCell<Tally>,
}

async fn warm(
    wish: &WarmWish,
    (dialer, variants, urls): (Dialer, Vec<HeaderMap>, Urls),
    tally: Tally,
) -> Tally {
    let total = urls.len() * variants.len() + tally.done();
    let shared = Rc::new(Shared {
        dialer,
        variants,
        urls,
        next: Cell::new(0),
        pace: Pace::new(wish.rate),
        total_timeout: Duration::from_secs(wish.max_time),
        tally: RefCell::new(tally),
    });
    let fetching: Vec<_> = (0..wish.concurrency)
        .map(|_| tokio::task::spawn_local(Rc::clone(&shared).fetch_all()))
        .collect();
    let progress = Progress::new(total);
    let telling = {
        let shared = Rc::clone(&shared);
        tokio::task::spawn_local(async move { progress.tell(&shared.tally).await })
    };
    for one in fetching {
        // It ends when there is nothing left, and has no other way to end.
        let _ = one.await;
    }
    telling.abort();
    let _ = telling.await;
    progress::clear();
    shared.tally.take()
}

impl Shared {
    /// Fetches one after the other until there are no more.
    async fn fetch_all(self: Rc<Self>) {
        let mut fetcher = Fetcher::new(&self.dialer);
        loop {
            let number = self.next.replace(self.next.get() + 1);
            let each = self.variants.len();
            let url = self.urls.get(number / each).zip(self.variants.get(number % each));
            let Some((url, fields)) = url else { return };
            self.pace.turn().await;
            let fetched = timeout(self.total_timeout, fetch(&mut fetcher, url, fields)).await;
            let outcome = fetched.unwrap_or_else(|_elapsed| {
                Outcome::Broken(format!("it took longer than {:?}", self.total_timeout))
            });
            let first = self.tally.borrow_mut().note(outcome);
            if let Some(reason) = first {
                progress::say(&format!("{url}: {reason}"));
            }
        }
    }
}

async fn fetch(fetcher: &mut Fetcher<'_>, url: &str, fields: &HeaderMap) -> Outcome {
    let Ok(uri) = url.parse::<Uri>() else { return Outcome::Broken("this is no URL".to_owned()) };
    let response = match fetcher.get(&uri, fields).await {
        Ok(response) => response,
        Err(error) => return Outcome::Broken(error),
    };
    let status = response.status().as_u16();
    let told = response.headers().get_all("cache-status");
    let told = told.iter().filter_map(|value| Told::read(value.as_bytes())).next_back();
    match fetcher.drop_content(response).await {
        Ok(()) if status >= 400 => Outcome::Status(status),
        Ok(()) => Outcome::of(told),
        Err(error) => Outcome::Broken(error),
    }
}

/// Spreads the beginnings of requests evenly.
struct Pace {
    interval: Option<Duration>,
    next: Cell<Instant>,
}

impl Pace {
    fn new(rate: Option<f64>) -> Self {
        let interval = rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
        Self { interval, next: Cell::new(Instant::now()) }
    }

    /// Waits for the turn of one more request. Turns that went by unused are not made up for.
    async fn turn(&self) {
        if let Some(turn) = self.take(Instant::now()) {
            sleep_until(turn).await;
        }
    }

    /// When the next request may begin.
    fn take(&self, now: Instant) -> Option<Instant> {
        let interval = self.interval?;
        let turn = self.next.get().max(now);
        self.next.set(turn + interval);
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_an_interval_apart_and_not_made_up_for() {
        let pace = Pace::new(Some(4.0));
        let now = Instant::now();
        let step = Duration::from_millis(250);
        assert_eq!(pace.take(now), Some(now));
        assert_eq!(pace.take(now), Some(now + step));
        assert_eq!(pace.take(now), Some(now + 2 * step));
        let late = now + 100 * step;
        assert_eq!(pace.take(late), Some(late));
        assert_eq!(pace.take(late), Some(late + step));
        assert_eq!(Pace::new(None).take(now), None);
    }
}
