//! What is reported about a fetch itself.
//!
//! | module | question it answers |
//! |---|---|
//! | `dry_run` | What would be sent? |
//! | `verbose` | What happens meanwhile? (`-v`) |
//! | `facts` | What is known at the end? |
//! | `write_out`, `json_out`, `explain` | How is it reported to scripts, programs and readers? |
//! | `variables`, `strftime` | What do the variables of `-w` stand for? |
//! | `redact` | What is shown of secrets? |

pub(super) mod dry_run;
pub(super) mod explain;
pub(super) mod facts;
pub(super) mod json_out;
pub(super) mod redact;
mod strftime;
mod variables;
pub(super) mod verbose;
pub(super) mod write_out;
