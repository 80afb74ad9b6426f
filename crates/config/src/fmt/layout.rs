//! Tokens into elements: nodes with their blocks, comments, and blank lines.

use crate::kdl::lexer::Token;

/// What stands in a block, one below the other.
#[derive(Debug)]
pub(super) enum Element<'a> {
    Node {
        parts: Vec<Part<'a>>,
        /// A `//` comment behind it, on its last line.
        comment: Option<&'a str>,
    },
    Comment(&'a str),
    Blank,
}

/// What a node is made of.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Word(&'a str),
    Mark(char),
    Slashdash,
    Comment(&'a str),
    /// The node goes on in the next line.
    Continue,
    Block {
        elements: Vec<Element<'a>>,
        /// A `//` comment right behind the opening brace.
        comment: Option<&'a str>,
        /// Whether it was written on one line.
        one_line: bool,
    },
}

/// The elements of a whole text.
pub(super) fn elements<'a>(tokens: &[Token<'a>]) -> Vec<Element<'a>> {
    let mut reader = Reader { tokens, at: 0 };
    let mut elements = Vec::new();
    while reader.at < tokens.len() {
        elements.extend(reader.block());
        reader.at += 1;
    }
    elements
}

struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
}

impl<'a> Reader<'_, 'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    /// Elements up to the `}` that ends the block, or to the end.
    fn block(&mut self) -> Vec<Element<'a>> {
        let mut elements = Vec::new();
        let mut newlines = 0;
        while let Some(token) = self.peek() {
            match token {
                Token::Mark('}') => break,
                Token::Mark(';') => self.at += 1,
                Token::Newline => {
                    newlines += 1;
                    self.at += 1;
                    continue;
                }
                Token::LineComment(comment) => {
                    blank(&mut elements, newlines);
                    self.at += 1;
                    match elements.last_mut() {
                        Some(Element::Node { comment: last @ None, .. }) if newlines == 0 => {
                            *last = Some(comment);
                        }
                        _ => elements.push(Element::Comment(comment)),
                    }
                }
                _ => {
                    blank(&mut elements, newlines);
                    self.node(&mut elements);
                }
            }
            newlines = 0;
        }
        elements
    }

    fn node(&mut self, elements: &mut Vec<Element<'a>>) {
        let mut parts = Vec::new();
        while let Some(token) = self.peek() {
            match token {
                Token::Newline | Token::LineComment(_)
                    if matches!(parts.last(), Some(Part::Slashdash)) =>
                {
                    if let Token::LineComment(comment) = token {
                        elements.push(Element::Comment(comment));
                    }
                }
                Token::Newline | Token::LineComment(_) | Token::Mark(';' | '}') => break,
                Token::Continue => {
                    self.continued(elements);
                    parts.push(Part::Continue);
                    continue;
                }
                Token::Mark('{') => {
                    parts.push(self.inner());
                    continue;
                }
                Token::Word(word) => parts.push(Part::Word(word)),
                Token::Mark(mark) => parts.push(Part::Mark(mark)),
                Token::Slashdash => parts.push(Part::Slashdash),
                Token::BlockComment(comment) | Token::OpenComment(comment) => {
                    parts.push(Part::Comment(comment));
                }
            }
            self.at += 1;
        }
        elements.push(Element::Node { parts, comment: None });
    }

    /// Goes over a backslash, the comment that may follow it, and the line end. The comment
    /// moves above the node.
    fn continued(&mut self, elements: &mut Vec<Element<'a>>) {
        self.at += 1;
        if let Some(Token::LineComment(comment)) = self.peek() {
            elements.push(Element::Comment(comment));
            self.at += 1;
        }
        if self.peek() == Some(Token::Newline) {
            self.at += 1;
        }
    }

    fn inner(&mut self) -> Part<'a> {
        self.at += 1;
        let start = self.at;
        let comment = match self.peek() {
            Some(Token::LineComment(comment)) => {
                self.at += 1;
                Some(comment)
            }
            _ => None,
        };
        let elements = self.block();
        let inside = self.tokens.get(start..self.at).unwrap_or(&[]);
        let broken = |token: &Token<'_>| matches!(token, Token::Newline | Token::LineComment(_));
        self.at += 1;
        Part::Block { elements, comment, one_line: !inside.iter().any(broken) }
    }
}

/// Keeps one blank line where there were some, but none at the start of a block.
fn blank(elements: &mut Vec<Element<'_>>, newlines: usize) {
    if newlines > 1 && !elements.is_empty() {
        elements.push(Element::Blank);
    }
}
