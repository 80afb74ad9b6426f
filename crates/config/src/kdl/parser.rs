//! Tokens into nodes. After a mistake reading goes on with the next node, so that one pass
//! finds the mistakes of all of them.

use super::lexer::{Placed, Token, tokens};
use super::{number, string};
use crate::model::{FileId, Span};
use crate::report::Diagnostic;
use crate::tree::{Entry, Node, Value, Word};

/// How deep blocks may be nested; beyond it the block is refused. The language needs five.
const DEPTH_MAX: usize = 32;

/// Parses a text that is the content of `file`.
pub(crate) fn parse(file: FileId, text: &str) -> Result<Vec<Node>, Vec<Diagnostic>> {
    let tokens = tokens(text);
    let mut parser = Parser { file, text, tokens: &tokens, at: 0, found: Vec::new() };
    parser.characters();
    let mut nodes = parser.nodes(0);
    while parser.peek().is_some() {
        parser.error(parser.here(), "`}` without a `{`");
        parser.at += 1;
        nodes.extend(parser.nodes(0));
    }
    if parser.found.is_empty() { Ok(nodes) } else { Err(parser.found) }
}

struct Parser<'t, 'a> {
    file: FileId,
    text: &'a str,
    tokens: &'t [Placed<'a>],
    at: usize,
    found: Vec<Diagnostic>,
}

/// A node is given up: what is wrong has been said.
struct GivenUp;

impl<'a> Parser<'_, 'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).map(|placed| placed.token)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { file: self.file, start: start as u32, end: end as u32 }
    }

    /// The place of the next token, or the end of the text.
    fn here(&self) -> Span {
        let end = (self.text.len(), self.text.len());
        let (start, end) = self.tokens.get(self.at).map_or(end, |next| (next.start, next.end));
        self.span(start, end)
    }

    /// Where the token before the next one ends.
    fn before(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.end)
    }

    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.found.push(Diagnostic::error(span, message));
    }

    /// Refuses the characters that KDL refuses anywhere.
    fn characters(&mut self) {
        let bad = self.text.char_indices().find(|(_, c)| is_forbidden(*c));
        if let Some((at, c)) = bad {
            let span = self.span(at, at + c.len_utf8());
            self.error(span, format!("the character U+{:04X} is not allowed", u32::from(c)));
        }
    }

    /// Nodes up to the `}` that ends the block, or to the end of the text.
    fn nodes(&mut self, depth: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        loop {
            self.line_space();
            match self.peek() {
                None | Some(Token::Mark('}')) => return nodes,
                Some(Token::Mark(';')) => {
                    self.error(self.here(), "unexpected `;`");
                    self.at += 1;
                }
                _ => match self.node(depth) {
                    Ok(node) => nodes.extend(node),
                    Err(GivenUp) => self.skip_node(),
                },
            }
        }
    }

    /// One node; none if it is commented out.
    fn node(&mut self, depth: usize) -> Result<Option<Node>, GivenUp> {
        let dropped = self.slashdash();
        self.annotation()?;
        let name = self.name()?;
        let mut node =
            Node { span: name.span, name, entries: Vec::new(), children: Vec::new(), block: None };
        let mut closed = false;
        loop {
            let spaced = self.node_space()? || self.before() < self.here().start as usize;
            match self.peek() {
                None | Some(Token::Mark('}')) => break,
                Some(Token::Newline | Token::LineComment(_) | Token::Mark(';')) => {
                    self.at += 1;
                    break;
                }
                _ => self.part(&mut node, &mut closed, (spaced, depth))?,
            }
        }
        Ok((!dropped).then_some(node))
    }

    /// An entry or a block of a node. `closed` says whether a block has ended the entries.
    fn part(
        &mut self,
        node: &mut Node,
        closed: &mut bool,
        (spaced, depth): (bool, usize),
    ) -> Result<(), GivenUp> {
        let dropped = self.slashdash();
        if self.peek() == Some(Token::Mark('{')) {
            let (block, children) = self.block(depth)?;
            *closed = true;
            if dropped {
                return Ok(());
            }
            if node.block.is_some() {
                self.error(block, "a node has one block");
                return Err(GivenUp);
            }
            node.block = Some(block);
            node.children = children;
            return Ok(());
        }
        if *closed {
            self.error(self.here(), "values stand before the block");
            return Err(GivenUp);
        }
        if !spaced && !dropped {
            let error = Diagnostic::error(self.here(), "a space is missing here");
            self.found.push(error.help("perhaps a string ends too early, or not at all"));
            return Err(GivenUp);
        }
        let entry = self.entry()?;
        if !dropped {
            node.span.end = entry.span.end;
            node.entries.push(entry);
        }
        Ok(())
    }

    fn block(&mut self, depth: usize) -> Result<(Span, Vec<Node>), GivenUp> {
        let open = self.here();
        if depth >= DEPTH_MAX {
            self.error(open, format!("blocks are nested more than {DEPTH_MAX} deep"));
            return Err(GivenUp);
        }
        self.at += 1;
        let nodes = self.nodes(depth + 1);
        if self.peek().is_none() {
            self.error(open, "this `{` is never closed");
            return Ok((open, nodes));
        }
        let close = self.here();
        self.at += 1;
        Ok((Span { end: close.end, ..open }, nodes))
    }

    fn entry(&mut self) -> Result<Entry, GivenUp> {
        self.annotation()?;
        let start = self.at;
        if let Some(Token::Word(_)) = self.peek() {
            self.at += 1;
            self.node_space()?;
            if self.peek() == Some(Token::Mark('=')) {
                let equals = self.at;
                self.at = start;
                let key = self.name()?;
                self.at = equals + 1;
                return self.property(key);
            }
        }
        self.at = start;
        let (value, span) = self.value()?;
        Ok(Entry { key: None, value, span })
    }

    fn property(&mut self, key: Word) -> Result<Entry, GivenUp> {
        self.node_space()?;
        self.annotation()?;
        if !matches!(self.peek(), Some(Token::Word(_))) {
            self.error(key.span, format!("`{}=` has no value", key.text));
            return Err(GivenUp);
        }
        let (value, span) = self.value()?;
        Ok(Entry { key: Some(key), value, span })
    }

    /// A word that must be a name: any string will do.
    fn name(&mut self) -> Result<Word, GivenUp> {
        match self.value()? {
            (Value::Text(text), span) => Ok(Word { text, span }),
            (other, span) => {
                self.error(span, format!("expected a name, found {}", other.found()));
                Err(GivenUp)
            }
        }
    }

    fn value(&mut self) -> Result<(Value, Span), GivenUp> {
        let span = self.here();
        let Some(Token::Word(word)) = self.peek() else {
            self.unexpected();
            return Err(GivenUp);
        };
        self.at += 1;
        if word.trim_start_matches('#').starts_with('"') {
            return match string::parse(word) {
                Ok(text) => Ok((Value::Text(text), span)),
                Err(flaw) => {
                    let help = (!flaw.help.is_empty()).then(|| flaw.help.to_owned());
                    let span = span.part(flaw.at, flaw.length);
                    self.found.push(Diagnostic::error(span, flaw.message).help_if(help));
                    Err(GivenUp)
                }
            };
        }
        match bare(word, span) {
            Ok(value) => Ok((value, span)),
            Err(found) => {
                self.found.push(found);
                Err(GivenUp)
            }
        }
    }

    fn unexpected(&mut self) {
        let span = self.here();
        let text = self.text.get(span.range()).unwrap_or("");
        let error = match self.peek() {
            None => Diagnostic::error(span, "the text ends too early"),
            Some(Token::Newline) => Diagnostic::error(span, "the line ends too early"),
            Some(Token::Mark('=')) => Diagnostic::error(span, "unexpected `=`")
                .help("a setting is written `name value`, a property `node name=value`"),
            Some(Token::OpenComment(_)) => {
                Diagnostic::error(span.part(0, 2), "this comment is never closed")
            }
            Some(_) => Diagnostic::error(span, format!("unexpected `{text}`")),
        };
        self.found.push(error);
    }

    /// Refuses `(type)`, which KDL has and this language has not.
    fn annotation(&mut self) -> Result<(), GivenUp> {
        if self.peek() != Some(Token::Mark('(')) {
            return Ok(());
        }
        let error = Diagnostic::error(self.here(), "type annotations have no meaning here");
        self.found.push(error.help("remove it"));
        Err(GivenUp)
    }

    fn slashdash(&mut self) -> bool {
        let found = self.peek() == Some(Token::Slashdash);
        if found {
            self.at += 1;
            self.line_space();
        }
        found
    }

    /// Goes over line ends, comments and joined lines.
    fn line_space(&mut self) {
        while let Some(token) = self.peek() {
            match token {
                Token::Newline | Token::LineComment(_) | Token::BlockComment(_) => self.at += 1,
                Token::Continue if self.joined().is_ok() => {}
                _ => break,
            }
        }
    }

    /// Goes over comments and joined lines within a node; says whether there were any.
    fn node_space(&mut self) -> Result<bool, GivenUp> {
        let start = self.at;
        while let Some(token) = self.peek() {
            match token {
                Token::BlockComment(_) => self.at += 1,
                Token::Continue => self.joined()?,
                _ => break,
            }
        }
        Ok(self.at > start)
    }

    /// A backslash, perhaps a comment, and the end of the line.
    fn joined(&mut self) -> Result<(), GivenUp> {
        let backslash = self.here();
        self.at += 1;
        while let Some(Token::BlockComment(_)) = self.peek() {
            self.at += 1;
        }
        if let Some(Token::LineComment(_)) = self.peek() {
            self.at += 1;
        }
        match self.peek() {
            None => Ok(()),
            Some(Token::Newline) => {
                self.at += 1;
                Ok(())
            }
            Some(_) => {
                self.error(backslash, "a `\\` stands at the end of a line");
                Err(GivenUp)
            }
        }
    }

    /// Goes to the end of the node, over the blocks that are on the way.
    fn skip_node(&mut self) {
        let mut depth = 0;
        while let Some(token) = self.peek() {
            match token {
                Token::Mark('{') => depth += 1,
                Token::Mark('}') if depth == 0 => return,
                Token::Mark('}') => depth -= 1,
                Token::Newline | Token::Mark(';') if depth == 0 => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

/// A word without quotes: a keyword, a number or a name.
fn bare(word: &str, span: Span) -> Result<Value, Diagnostic> {
    let error = |message: String| Err(Diagnostic::error(span, message));
    match word {
        "#true" => return Ok(Value::Bool(true)),
        "#false" => return Ok(Value::Bool(false)),
        "#null" => return Ok(Value::Null),
        "#inf" => return Ok(Value::Float(f64::INFINITY)),
        "#-inf" => return Ok(Value::Float(f64::NEG_INFINITY)),
        "#nan" => return Ok(Value::Float(f64::NAN)),
        "true" | "false" | "null" | "inf" | "-inf" | "nan" => {
            return error(format!("`{word}` must be written `#{word}`"));
        }
        _ => {}
    }
    if word.starts_with('#') {
        let error = Diagnostic::error(span, format!("unknown keyword `{word}`"));
        return Err(error.help("the keywords are `#true`, `#false` and `#null`"));
    }
    if number::looks_like(word) {
        return number::parse(word).ok_or_else(|| {
            Diagnostic::error(span, format!("`{word}` is not a number"))
                .help(format!("a value with a unit is a string: \"{word}\""))
        });
    }
    if word.contains(['[', ']', '#', '"', '\\', '/']) {
        let error = Diagnostic::error(span, format!("`{word}` is not a valid word"));
        return Err(error.help("put it in double quotes"));
    }
    Ok(Value::Text(word.to_owned()))
}

/// Control characters other than white space, and those that change the direction of text.
fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
