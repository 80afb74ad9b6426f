//! What is refused before the parser sees it, because the parser would take too long or too
//! much stack over it.

use crate::fmt::lexer::{Token, placed};

/// How deep blocks may be nested. The language needs five.
const DEPTH_MAX: usize = 32;

/// How deep blocks that are commented out may be nested; the parser's time doubles with each.
const COMMENTED_DEPTH_MAX: usize = 4;

/// Where a text is refused, and why.
pub(super) fn refusal(text: &str) -> Option<(usize, &'static str)> {
    let mut commented = Vec::new();
    let mut before = None;
    for (at, token) in placed(text) {
        match token {
            Token::Newline | Token::Continue | Token::LineComment(_) => continue,
            Token::BlockComment(comment) if comment.matches("/*").count() > DEPTH_MAX => {
                return Some((at, "comments are nested more than 32 deep"));
            }
            Token::BlockComment(_) => continue,
            Token::Slashdash if before == Some(Token::Slashdash) => {
                return Some((at, "one `/-` follows another"));
            }
            Token::Mark('{') => {
                commented.push(before == Some(Token::Slashdash));
                let inner = commented.iter().filter(|is_commented| **is_commented).count();
                if commented.len() > DEPTH_MAX {
                    return Some((at, "blocks are nested more than 32 deep"));
                }
                if inner > COMMENTED_DEPTH_MAX {
                    return Some((at, "blocks behind `/-` are nested more than 4 deep"));
                }
            }
            Token::Mark('}') => {
                commented.pop();
            }
            Token::Mark(_) | Token::Word(_) | Token::Slashdash => {}
        }
        before = Some(token);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_blocks_but_not_strings() {
        let nested = |open: &str, count: usize| open.repeat(count) + &"}".repeat(count);
        assert_eq!(refusal(&nested("a { b \"{{{\" ", 32)), None);
        assert_eq!(refusal(&nested("a {", 33)).map(|(at, _)| at), Some(98));
        assert_eq!(refusal(&nested("a /-{", 4)), None);
        assert_eq!(refusal(&nested("a /-{", 5)).map(|(at, _)| at), Some(24));
        assert_eq!(refusal(&("/*".repeat(33) + &"*/".repeat(33))).map(|(at, _)| at), Some(0));
        assert_eq!(refusal("}}}} {"), None);
    }

    #[test]
    fn one_slashdash_takes_out_one_thing() {
        assert_eq!(refusal("/-a /-b /-c=1"), None);
        assert_eq!(refusal("/- /*x*/ /-a").map(|(at, _)| at), Some(9));
    }
}
