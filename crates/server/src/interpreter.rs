//! What runs the scripts of a served directory.

use crate::handler::Reply;
use crate::request::Request;
use crate::script::Script;

/// Runs the scripts that [`Files`](crate::Files) finds for a pattern.
pub trait Interpreter: Send + Sync + 'static {
    /// Decides how a request for a script is answered, as
    /// [`Handler::handle`](crate::Handler::handle) does.
    fn run<'a>(&'a self, request: Request<'a>, script: Script) -> Reply<'a>;
}
