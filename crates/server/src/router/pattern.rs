//! The tree of patterns, a level for each segment.
//!
//! `matchit` was looked at and not taken: it matches text and paths are bytes, it has no parameter
//! beside a `{*rest}`, and patterns of different methods would have to agree on their parameters'
//! names.

use super::route::Route;
use crate::handler::Handler;
use crate::request::{Request, Routing};
use http::Method;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// All patterns of a router.
#[derive(Default)]
pub(super) struct Patterns {
    root: Node,
    /// Each route as it was written, for messages.
    written: Vec<String>,
}

/// What may follow a segment.
#[derive(Default)]
struct Node {
    // Few, so that comparing them takes less time than a hash that clients can't foresee.
    literal: BTreeMap<Box<[u8]>, Node>,
    /// `prefix{name}suffix`, the longest first.
    affixed: Vec<Affixed>,
    param: Option<Box<Node>>,
    rest: Leaf,
    /// Patterns that end here.
    end: Leaf,
    mount: Option<Mount>,
}

/// A prefix, a suffix, and what follows the segment.
type Affixed = (Box<[u8]>, Box<[u8]>, Node);

/// The routes of one pattern.
#[derive(Default)]
struct Leaf {
    methods: Vec<(Method, Route)>,
    any: Option<Route>,
}

/// A handler for everything below a prefix.
pub(super) struct Mount {
    pub(super) handler: Arc<dyn Handler>,
    names: Vec<Arc<str>>,
    prefix: String,
}

/// What a request leads to, with the values of parameters.
pub(super) enum Matched<'p> {
    Route(&'p Route, Vec<Box<[u8]>>),
    /// With the length of what the prefix matched.
    Mount(&'p Mount, Vec<Box<[u8]>>, usize),
    /// The path exists, for the methods of this Allow.
    OtherMethods(String),
    Nothing,
}

/// A route that can't be added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRoute {
    /// The pattern breaks a rule.
    Malformed {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another route has a handler for the same requests.
    Overlaps {
        /// The route, with its method.
        route: String,
        /// The other route.
        other: String,
    },
}

impl fmt::Display for InvalidRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidRoute::Malformed { pattern, why } => {
                write!(f, "{pattern:?} is not a pattern of a route: {why}")
            }
            InvalidRoute::Overlaps { route, other } => write!(
                f,
                "the routes {route} and {other} overlap: each request may have one handler"
            ),
        }
    }
}

impl std::error::Error for InvalidRoute {}

/// A segment of a pattern.
enum Segment<'p> {
    Literal(Vec<u8>),
    Param(Vec<u8>, &'p str, Vec<u8>),
    Rest(&'p str),
}

/// Reads a segment: `{{` and `}}` are braces.
fn segment(text: &str) -> Result<Segment<'_>, &'static str> {
    let (mut before, mut after, mut name) = (Vec::new(), Vec::new(), None);
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (literal, found) = rest.split_at(at);
        let into = if name.is_some() {
            &mut after
        } else {
            &mut before
        };
        into.extend_from_slice(literal.as_bytes());
        if found.starts_with("{{") || found.starts_with("}}") {
            into.push(found.as_bytes()[0]);
            rest = &found[2..];
            continue;
        }
        let (inside, behind) = found
            .strip_prefix('{')
            .and_then(|found| found.split_once('}'))
            .ok_or("a brace has no partner; write {{ or }} for a brace")?;
        if name.replace(inside).is_some() {
            return Err("a segment has two parameters");
        }
        rest = behind;
    }
    let into = if name.is_some() {
        &mut after
    } else {
        &mut before
    };
    into.extend_from_slice(rest.as_bytes());
    let Some(name) = name else {
        return Ok(Segment::Literal(before));
    };
    let is_rest = name.starts_with('*');
    let bare = name.strip_prefix('*').unwrap_or(name);
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    if bare.is_empty() || !bare.chars().all(is_name) {
        return Err("a parameter's name has letters, digits and underscores");
    }
    match is_rest {
        true if before.is_empty() && after.is_empty() => Ok(Segment::Rest(bare)),
        true => Err("a {*rest} is a segment of its own"),
        false => Ok(Segment::Param(before, name, after)),
    }
}

impl Node {
    fn child(&mut self, segment: Segment<'_>) -> &mut Node {
        match segment {
            Segment::Literal(literal) => self.literal.entry(literal.into()).or_default(),
            Segment::Param(before, _, after) if before.is_empty() && after.is_empty() => {
                self.param.get_or_insert_default()
            }
            Segment::Param(before, _, after) => {
                let (before, after) = (before.into_boxed_slice(), after.into_boxed_slice());
                let same = |(prefix, suffix, _): &Affixed| *prefix == before && *suffix == after;
                let at = self.affixed.iter().position(same).unwrap_or_else(|| {
                    let length =
                        |prefix: &[u8], suffix: &[u8]| (prefix.len() + suffix.len(), prefix.len());
                    let new = length(&before, &after);
                    let longer = |(prefix, suffix, _): &Affixed| length(prefix, suffix) > new;
                    let at = self.affixed.partition_point(longer);
                    self.affixed.insert(at, (before, after, Node::default()));
                    at
                });
                &mut self.affixed[at].2
            }
            // It ends its pattern, so nothing follows.
            Segment::Rest(_) => self,
        }
    }
}

/// Why a segment that is well-formed can't mean what its author thinks: it is written as in other
/// libraries, or as in a URL.
fn mistaken(text: &str) -> Option<&'static str> {
    let is_encoded = |at: usize| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if text.starts_with(':') {
        return Some("a parameter is written {name}");
    }
    if text.starts_with('*') {
        return Some("what is left of a path is written {*name}");
    }
    if text.contains(['?', '#']) {
        return Some("a pattern has neither query nor fragment");
    }
    let encoded = text.match_indices('%').any(|(at, _)| is_encoded(at));
    encoded.then_some("paths are decoded before they are compared: write the characters themselves")
}

/// The parts of a pattern: its segments and the names of its parameters.
fn parse(pattern: &str) -> Result<(Vec<Segment<'_>>, Vec<Arc<str>>), InvalidRoute> {
    let malformed = |why| InvalidRoute::Malformed {
        pattern: pattern.to_owned(),
        why,
    };
    let path = pattern
        .strip_prefix('/')
        .ok_or_else(|| malformed("it begins with a slash"))?;
    let (mut segments, mut names) = (Vec::new(), Vec::<Arc<str>>::new());
    let texts: Vec<&str> = path.split('/').collect();
    for (number, text) in texts.iter().enumerate() {
        let is_last = number + 1 == texts.len();
        if matches!(*text, "." | "..") || text.is_empty() && !is_last {
            return Err(malformed("no request's path has an empty segment, . or .."));
        }
        if let Some(why) = mistaken(text) {
            return Err(malformed(why));
        }
        let segment = segment(text).map_err(malformed)?;
        if let Segment::Param(_, name, _) | Segment::Rest(name) = &segment {
            if names.iter().any(|other| **other == **name) {
                return Err(malformed("two parameters have the same name"));
            }
            names.push((*name).into());
        }
        if matches!(segment, Segment::Rest(_)) && !is_last {
            return Err(malformed("a {*rest} is the last segment"));
        }
        segments.push(segment);
    }
    Ok((segments, names))
}

impl Patterns {
    /// Adds a route for these methods, or for all if there are none.
    pub(super) fn add(
        &mut self,
        methods: &[Method],
        pattern: &str,
        mut route: Route,
    ) -> Result<(), InvalidRoute> {
        let (segments, names) = parse(pattern)?;
        route.set_pattern(pattern, names);
        let is_rest = matches!(segments.last(), Some(Segment::Rest(_)));
        let node = segments.into_iter().fold(&mut self.root, Node::child);
        let leaf = if is_rest {
            &mut node.rest
        } else {
            &mut node.end
        };
        let overlaps = |method: &str, other: &Route| InvalidRoute::Overlaps {
            route: format!("{method} {pattern}"),
            other: format!("{method} {}", other.pattern()),
        };
        if methods.is_empty() {
            if let Some(other) = &leaf.any {
                return Err(overlaps("*", other));
            }
            leaf.any = Some(route);
            self.written.push(format!("* {pattern}"));
            return Ok(());
        }
        for method in methods {
            if let Some((_, other)) = leaf.methods.iter().find(|(known, _)| known == method) {
                return Err(overlaps(method.as_str(), other));
            }
        }
        for method in methods {
            leaf.methods.push((method.clone(), route.clone()));
            self.written.push(format!("{method} {pattern}"));
        }
        Ok(())
    }

    /// Adds a handler for a prefix and everything below it.
    pub(super) fn mount(
        &mut self,
        prefix: &str,
        handler: Arc<dyn Handler>,
    ) -> Result<(), InvalidRoute> {
        let bare = prefix.strip_suffix('/').unwrap_or(prefix);
        let mut node = &mut self.root;
        let mut names = Vec::new();
        if !bare.is_empty() {
            let (segments, found) = parse(bare)?;
            names = found;
            if matches!(segments.last(), Some(Segment::Rest(_))) {
                return Err(InvalidRoute::Malformed {
                    pattern: prefix.to_owned(),
                    why: "a mount takes everything below its prefix already",
                });
            }
            node = segments.into_iter().fold(node, Node::child);
        }
        if let Some(other) = &node.mount {
            return Err(InvalidRoute::Overlaps {
                route: format!("mount {prefix}"),
                other: format!("mount {}", other.prefix),
            });
        }
        node.mount = Some(Mount {
            handler,
            names,
            prefix: prefix.to_owned(),
        });
        self.written.push(format!("mount {prefix}"));
        Ok(())
    }

    /// What a request leads to.
    ///
    /// # Errors
    /// An explanation if the path can't be understood: 400.
    pub(super) fn find(&self, request: &Request<'_>) -> Result<Matched<'_>, &'static str> {
        let malformed = "The path of this request is malformed.";
        let path = request.normal_path().map_err(|_| malformed)?;
        let raw = request.path().as_bytes();
        let has_slash = path.has_encoded_slash();
        // Decoded once, the two look the same.
        if has_slash
            && raw
                .windows(5)
                .any(|part| part.eq_ignore_ascii_case(b"%252f"))
        {
            return Err(malformed);
        }
        let above = request.below();
        let bytes = &path.as_bytes()[above..];
        // A mount may be named without a slash at its end: its root.
        let inside = bytes.strip_prefix(b"/").unwrap_or(bytes);
        let mut search = Search {
            method: request.method(),
            above,
            path_length: above + bytes.len(),
            values: Vec::new(),
            allowed: Vec::new(),
        };
        let found = search.visit(&self.root, Some(inside));
        let decode = |values: Vec<&[u8]>| -> Vec<Box<[u8]>> {
            let value = |value: &[u8]| match has_slash {
                true => with_slashes(value).into(),
                false => value.into(),
            };
            values.into_iter().map(value).collect()
        };
        Ok(match found {
            Some(Target::Route(route)) => Matched::Route(route, decode(search.values)),
            Some(Target::Mount(mount, below)) => {
                Matched::Mount(mount, decode(search.values), below)
            }
            None if search.allowed.is_empty() => Matched::Nothing,
            None => Matched::OtherMethods(allow(&search.allowed)),
        })
    }
}

/// The value of Allow: these methods, and those that the router answers itself.
fn allow(methods: &[&Method]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for method in methods {
        if !names.contains(&method.as_str()) {
            names.push(method.as_str());
        }
        if **method == Method::GET && !names.contains(&"HEAD") {
            names.push("HEAD");
        }
    }
    if !names.contains(&"OPTIONS") {
        names.push("OPTIONS");
    }
    names.join(", ")
}

/// A value with its encoded slashes decoded.
fn with_slashes(value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, behind)) = rest.split_first() {
        match rest.strip_prefix(b"%2F") {
            Some(behind) => (rest, _) = (behind, decoded.push(b'/')),
            None => (rest, _) = (behind, decoded.push(byte)),
        }
    }
    decoded
}

impl Mount {
    /// Gives the values of parameters their names.
    pub(super) fn name(&self, values: Vec<Box<[u8]>>, routing: &mut Routing) {
        let names = self.names.iter().map(Arc::clone);
        routing.params.extend(names.zip(values));
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.written).finish()
    }
}

/// A walk through the tree, from the more specific to the less. Each node is visited at most once.
struct Search<'r, 'p> {
    method: &'r Method,
    /// The length of what a prefix has matched already.
    above: usize,
    path_length: usize,
    values: Vec<&'r [u8]>,
    /// The methods of patterns that match.
    allowed: Vec<&'p Method>,
}

enum Target<'p> {
    Route(&'p Route),
    Mount(&'p Mount, usize),
}

impl<'r, 'p> Search<'r, 'p> {
    /// Searches below a node. `left` is the path behind the last slash that was read, and `None`
    /// behind the last segment.
    fn visit(&mut self, node: &'p Node, left: Option<&'r [u8]>) -> Option<Target<'p>> {
        let Some(rest) = left else {
            let end = self.leaf(&node.end).map(Target::Route);
            return end.or_else(|| self.mount(node, 0));
        };
        let (segment, behind) = match rest.iter().position(|byte| *byte == b'/') {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        // With the slash before it.
        let length = rest.len() + 1;
        if let Some(child) = node.literal.get(segment) {
            if let Some(found) = self.visit(child, behind) {
                return Some(found);
            }
        }
        for (prefix, suffix, child) in &node.affixed {
            let value = segment
                .strip_prefix(&**prefix)
                .and_then(|rest| rest.strip_suffix(&**suffix));
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                if let Some(found) = self.with(value, |search| search.visit(child, behind)) {
                    return Some(found);
                }
            }
        }
        if segment.is_empty() {
            return self.mount(node, length);
        }
        if let Some(child) = &node.param {
            if let Some(found) = self.with(segment, |search| search.visit(child, behind)) {
                return Some(found);
            }
        }
        let found = self.with(rest, |search| search.leaf(&node.rest).map(Target::Route));
        found.or_else(|| self.mount(node, length))
    }

    /// Continues with a value, which is dropped again if that leads nowhere.
    fn with(
        &mut self,
        value: &'r [u8],
        search: impl FnOnce(&mut Self) -> Option<Target<'p>>,
    ) -> Option<Target<'p>> {
        self.values.push(value);
        let found = search(self);
        if found.is_none() {
            self.values.pop();
        }
        found
    }

    /// The mount of a node, if it has one. `left` is the length of the path below it.
    fn mount(&self, node: &'p Node, left: usize) -> Option<Target<'p>> {
        let mount = node.mount.as_ref()?;
        // A prefix that is named without a slash at its end has nothing below it.
        let below = self.path_length.saturating_sub(left).max(self.above);
        Some(Target::Mount(mount, below))
    }

    fn leaf(&mut self, leaf: &'p Leaf) -> Option<&'p Route> {
        let of = |wanted: &Method| {
            let found = leaf.methods.iter().find(|(method, _)| method == wanted);
            found.map(|(_, route)| route)
        };
        let head = || (*self.method == Method::HEAD).then(|| of(&Method::GET));
        let found = of(self.method)
            .or_else(|| head().flatten())
            .or(leaf.any.as_ref());
        if found.is_none() {
            self.allowed
                .extend(leaf.methods.iter().map(|(method, _)| method));
        }
        found
    }
}
