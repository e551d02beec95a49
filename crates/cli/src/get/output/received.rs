//! The parts of a response that are not content: heads and trailers, as they came.

use super::terminal;
use tinyhttp_client::trace::Event;

/// The head or the trailers in an event, as they came.
pub(in crate::get) fn received<'e>(event: &Event<'e>) -> Option<Received<&'e [u8]>> {
    match event {
        Event::Interim(raw)
        | Event::ResponseHead { raw, .. }
        | Event::Tunnel { response: raw, .. } => Some(Received::Head(raw)),
        Event::Trailers(raw) => Some(Received::Trailers(raw)),
        _ => None,
    }
}

/// A part of a response that is not content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::get) enum Received<T> {
    /// A start line, fields and the blank line.
    Head(T),
    /// Fields, behind the content.
    Trailers(T),
}

impl<T: AsRef<[u8]>> Received<T> {
    pub(in crate::get) fn bytes(&self) -> &[u8] {
        match self {
            Received::Head(raw) | Received::Trailers(raw) => raw.as_ref(),
        }
    }

    /// The same for reading.
    pub(in crate::get) fn readable(&self, colour: bool) -> String {
        match self {
            Received::Head(raw) => terminal::head(raw.as_ref(), colour),
            Received::Trailers(raw) => terminal::fields(raw.as_ref(), colour),
        }
    }
}

impl Received<&[u8]> {
    pub(in crate::get) fn to_owned(self) -> Received<Vec<u8>> {
        match self {
            Received::Head(raw) => Received::Head(raw.to_vec()),
            Received::Trailers(raw) => Received::Trailers(raw.to_vec()),
        }
    }
}
