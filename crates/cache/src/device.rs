//! What kind of device a request comes from: by the hints that browsers send
//! (User-Agent Client Hints), else by `User-Agent`.
//!
//! Rough on purpose: four classes, and what is not known is a desktop. Safari on an iPad that asks
//! for desktop sites says that it is a Mac, and is taken for one.

use http1::{Headers, Known};

/// A class of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// A telephone.
    Phone,
    /// A tablet or a reader of books.
    Tablet,
    /// Everything else with a person in front of it, and what is not known.
    Desktop,
    /// A crawler or another robot that says so.
    Bot,
}

/// The fields of a request that decide, for `Vary`.
pub const FIELDS: [&str; 3] = ["User-Agent", MOBILE, PLATFORM];

/// The same as one value.
pub const FIELDS_LIST: &str = "User-Agent, Sec-CH-UA-Mobile, Sec-CH-UA-Platform";

const MOBILE: &str = "Sec-CH-UA-Mobile";
const PLATFORM: &str = "Sec-CH-UA-Platform";

/// Bytes of `User-Agent` that are looked at.
const AGENT_BYTES_MAX: usize = 512;

/// Texts by which robots are known, beside `bot` at the end of a word.
const ROBOTS: [&str; 14] = [
    "+http",
    "crawl",
    "spider",
    "slurp",
    "facebookexternalhit",
    "mediapartners-google",
    "google-inspectiontool",
    "googleother",
    "feedfetcher",
    "bingpreview",
    "ia_archiver",
    "headlesschrome",
    "chatgpt-user",
    "perplexity-user",
];

/// Telephones, also where they call themselves Android or Windows.
const PHONES: [&str; 9] = [
    "iphone",
    "ipod",
    "windows phone",
    "iemobile",
    "blackberry",
    "bb10",
    "opera mini",
    "opera mobi",
    "kaios",
];

const TABLETS: [&str; 5] = ["ipad", "playbook", "kindle", "silk/", "tablet;"];

/// Sets beside the sofa, which are Android too.
const SCREENS: [&str; 6] = ["android tv", "googletv", "smart-tv", "smarttv", "bravia", "; aft"];

impl Device {
    /// The class of a request.
    #[must_use]
    pub fn of(headers: &Headers) -> Self {
        let agent = headers.value(Known::UserAgent).unwrap_or_default();
        let mut buffer = [0; AGENT_BYTES_MAX];
        let agent = lower(agent, &mut buffer);
        if is_robot(agent) {
            return Self::Bot;
        }
        Self::by_hints(headers).unwrap_or_else(|| Self::by_agent(agent))
    }

    /// The word for it, in the key and towards the origin.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Desktop => "desktop",
            Self::Bot => "bot",
        }
    }

    /// `?1` is a telephone. What is none is a tablet where its system is one of those, else a
    /// desktop; without a platform the hint leaves that open.
    fn by_hints(headers: &Headers) -> Option<Self> {
        let mobile = headers.values_named(MOBILE.as_bytes()).next()?;
        match mobile.trim_ascii() {
            b"?1" => return Some(Self::Phone),
            b"?0" => {}
            _ => return None,
        }
        let platform = headers.values_named(PLATFORM.as_bytes()).next()?.trim_ascii();
        let platform = platform.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        match platform {
            b"Android" | b"iOS" => Some(Self::Tablet),
            b"" | b"Unknown" => None,
            _ => Some(Self::Desktop),
        }
    }

    fn by_agent(agent: &[u8]) -> Self {
        let says = |text: &str| memchr::memmem::find(agent, text.as_bytes()).is_some();
        let says_one = |texts: &[&str]| texts.iter().any(|text| says(text));
        if says_one(&PHONES) {
            return Self::Phone;
        }
        if says_one(&SCREENS) {
            return Self::Desktop;
        }
        if says_one(&TABLETS) {
            return Self::Tablet;
        }
        match (says("android"), says("mobile")) {
            (_, true) => Self::Phone,
            (true, false) => Self::Tablet,
            (false, false) => Self::Desktop,
        }
    }
}

/// `Googlebot/2.1`, `bingbot`, `AhrefsBot;` and the like, but no telephone by Cubot.
fn is_robot(agent: &[u8]) -> bool {
    let ends_word = |at: usize| agent.get(at + 3).is_none_or(|next| !next.is_ascii_alphanumeric());
    let is_maker = |at: usize| agent.get(..at).is_some_and(|before| before.ends_with(b"cu"));
    let mut bots = memchr::memmem::find_iter(agent, b"bot");
    bots.any(|at| ends_word(at) && !is_maker(at))
        || ROBOTS.iter().any(|text| memchr::memmem::find(agent, text.as_bytes()).is_some())
}

fn lower<'a>(text: &[u8], buffer: &'a mut [u8; AGENT_BYTES_MAX]) -> &'a [u8] {
    let length = text.len().min(AGENT_BYTES_MAX);
    let (Some(start), Some(text)) = (buffer.get_mut(..length), text.get(..length)) else {
        return &[];
    };
    start.copy_from_slice(text);
    start.make_ascii_lowercase();
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, &str)]) -> Device {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        Device::of(&headers)
    }

    #[test]
    fn hints_go_before_the_agent() {
        let mac = ("User-Agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)");
        let hints = |mobile, platform| {
            of(&[mac, ("Sec-CH-UA-Mobile", mobile), ("Sec-CH-UA-Platform", platform)])
        };
        assert_eq!(hints("?1", "\"Android\""), Device::Phone);
        assert_eq!(hints("?0", "\"Android\""), Device::Tablet);
        assert_eq!(hints("?0", "\"Windows\""), Device::Desktop);
        assert_eq!(hints("?0", "\"Unknown\""), Device::Desktop);
        assert_eq!(hints("1", "\"Android\""), Device::Desktop, "no boolean is no hint");
        assert_eq!(of(&[("Sec-CH-UA-Mobile", "?1")]), Device::Phone);
        let ipad = ("User-Agent", "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X)");
        assert_eq!(of(&[ipad, ("Sec-CH-UA-Mobile", "?0")]), Device::Tablet);
        let robot = ("User-Agent", "Mozilla/5.0 (compatible; Googlebot/2.1)");
        assert_eq!(of(&[robot, ("Sec-CH-UA-Mobile", "?1")]), Device::Bot);
        assert_eq!(of(&[]), Device::Desktop);
    }

    #[test]
    fn telephones() {
        for agent in [
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Mobile/15E148",
            "Mozilla/5.0 (iPod touch; CPU iPhone OS 12_0 like Mac OS X)",
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/124.0.0.0 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 10; CUBOT X18 Plus) Chrome/90.0 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 9; CUBOT) Chrome/90.0 Mobile Safari/537.36",
            "Mozilla/5.0 (Android 14; Mobile; rv:125.0) Gecko/125.0 Firefox/125.0",
            "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) Edge/15.15254",
            "Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ Version/10.0.9 Mobile Safari/537.10+",
            "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119",
            "Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
        ] {
            assert_eq!(of(&[("User-Agent", agent)]), Device::Phone, "{agent}");
        }
    }

    #[test]
    fn tablets() {
        for agent in [
            "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
            "Mozilla/5.0 (Linux; Android 13; SM-X900) Chrome/124.0 Safari/537.36",
            "Mozilla/5.0 (Android 13; Tablet; rv:125.0) Gecko/125.0 Firefox/125.0",
            "Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 Silk/108.4 Safari/537.36",
            "Mozilla/5.0 (PlayBook; U; RIM Tablet OS 2.1.0; en-US)",
            "Mozilla/5.0 (X11; U; Linux armv7l like Android; en-us) Kindle/3.0+",
        ] {
            assert_eq!(of(&[("User-Agent", agent)]), Device::Tablet, "{agent}");
        }
    }

    #[test]
    fn desktops() {
        for agent in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/124.0.0.0 Safari/537.36",
            "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.4 Safari/605.1.15",
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/124.0.0.0 Safari/537.36",
            "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
            "Mozilla/5.0 (Linux; Android 11; BRAVIA 4K VH2) Chrome/90.0 Safari/537.36",
            "Mozilla/5.0 (Linux; Android 9; AFTKA) AppleWebKit/537.36 Chrome/90.0 Safari/537.36",
            "curl/8.5.0",
            "Botanica/1.0 (Windows)",
            "",
        ] {
            assert_eq!(of(&[("User-Agent", agent)]), Device::Desktop, "{agent}");
        }
    }

    #[test]
    fn robots() {
        for agent in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) Mobile (compatible; Googlebot/2.1)",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
            "Mozilla/5.0 (compatible; Baiduspider/2.0)",
            "Mozilla/5.0 (compatible; Yahoo! Slurp)",
            "facebookexternalhit/1.1",
            "GPTBot",
            "Twitterbot/1.0",
            "Mediapartners-Google",
        ] {
            assert_eq!(of(&[("User-Agent", agent)]), Device::Bot, "{agent}");
        }
    }

    #[test]
    fn the_fields_are_those_of_the_list() {
        assert_eq!(FIELDS.join(", "), FIELDS_LIST);
    }

    #[test]
    fn only_the_beginning_of_an_agent_counts() {
        let long = format!("{}Googlebot/2.1", "x".repeat(AGENT_BYTES_MAX));
        assert_eq!(of(&[("User-Agent", &long)]), Device::Desktop);
    }
}
