//! The colours of all pages, as custom properties of CSS.

/// A style sheet with the colours for light and for dark screens. The guide uses the same values.
pub(crate) const PALETTE: &str = include_str!("palette.css");
