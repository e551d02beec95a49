//! The parts of HTML pages that the whole server shares.
//!
//! | module | holds |
//! |---|---|
//! | `error_page` | the page for errors and redirects |
//! | `palette` | the colours of all pages |
//! | `escape` | escaping text for HTML |
//! | `url` | encoding paths and names for URLs |

mod error_page;
mod escape;
mod palette;
mod url;

pub(crate) use error_page::{FAILED, error_page};
#[cfg(feature = "files")]
pub(crate) use escape::{Escaped, push_escaped};
#[cfg(feature = "files")]
pub(crate) use palette::PALETTE;
pub(crate) use url::encode_path;
#[cfg(feature = "files")]
pub(crate) use url::push_name;
