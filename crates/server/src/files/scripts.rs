//! Which files of the directory are scripts: they are run, and never sent.
//!
//! An excluded path is for directories that others write to: no script below it is run, and none is
//! sent.

use crate::interpreter::Interpreter;
use crate::script::{InvalidPattern, Pattern, directory, is_below};
use std::fmt;
use std::sync::Arc;

/// The patterns of scripts, with their interpreters.
#[derive(Default)]
pub(crate) struct Scripts {
    rules: Vec<(Pattern, Arc<dyn Interpreter>)>,
    /// Paths below the root; nothing below them is run.
    excluded: Vec<Vec<u8>>,
}

impl Scripts {
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(super) fn add(
        &mut self,
        pattern: &str,
        interpreter: Arc<dyn Interpreter>,
    ) -> Result<(), InvalidPattern> {
        self.rules.push((Pattern::parse(pattern)?, interpreter));
        Ok(())
    }

    pub(super) fn exclude(&mut self, path: &str) -> Result<(), InvalidPattern> {
        self.excluded.push(directory(path)?);
        Ok(())
    }

    /// The interpreter of a file with this path below the root. The first pattern that matches
    /// counts.
    pub(crate) fn of(&self, relative: &[u8]) -> Option<&Arc<dyn Interpreter>> {
        let mut rules = self.rules.iter();
        let found = rules.find(|(pattern, _)| pattern.matches(relative))?;
        Some(&found.1)
    }

    /// Whether a directory with this path is one of scripts, which is not listed.
    pub(crate) fn hide_dir(&self, relative: &[u8]) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|(pattern, _)| pattern.hides_dir(relative))
    }

    /// Whether scripts with this path are not run.
    pub(crate) fn is_excluded(&self, relative: &[u8]) -> bool {
        let mut excluded = self.excluded.iter();
        excluded.any(|directory| is_below(directory, relative))
    }

    /// Whether some paths are excluded. Then no link is followed to a script, as it could lead
    /// there.
    pub(crate) fn has_exclusions(&self) -> bool {
        !self.excluded.is_empty()
    }
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.rules.iter().map(|(pattern, _)| pattern);
        f.debug_list().entries(patterns).finish()
    }
}
