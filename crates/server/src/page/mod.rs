//! The pieces of small HTML pages: what errors look like, escaping, and URL encoding.

mod error_page;
mod escape;
mod url;

pub(crate) use error_page::error_page;
pub(crate) use escape::{Escaped, push_escaped};
pub(crate) use url::{encode_path, push_name};
