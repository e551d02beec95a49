//! The user that a request comes from.

use std::sync::Arc;

/// The authenticated user: an extension of the request. In the name, `\xe9` stands for a byte that
/// is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct User(pub Arc<str>);
