//! The environment of an execution holds the current line and limits the output.

use super::*;

/// What a function may see of the execution.
pub(in crate::template) struct Env<'a> {
    pub(super) context: &'a dyn Context,
    pub(super) template: &'a Template,
    /// Bytes that may still be produced.
    pub(super) left: Cell<usize>,
}

impl<'a> Env<'a> {
    pub(in crate::template) fn context(&self) -> &'a dyn Context {
        self.context
    }

    pub(in crate::template) fn label_count(&self) -> usize {
        self.context.labels().len()
    }

    /// Takes `bytes` from what may still be produced; to be called before producing them.
    pub(in crate::template) fn charge(&self, bytes: usize) -> Result<(), String> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(format!(
                "template produces more than {PRODUCED_BYTES_MAX} bytes"
            )),
        }
    }

    /// Prints into a buffer of its own.
    pub(in crate::template) fn print(
        &self,
        run: impl FnOnce(&mut Printer<'_, 'a>) -> Result<(), TooLong>,
    ) -> Result<Vec<u8>, String> {
        let labels = || self.context.labels();
        let mut printer = Printer {
            out: Vec::new(),
            limit: self.left.get(),
            labels: &labels,
        };
        let printed = run(&mut printer);
        let out = printer.out;
        match printed {
            Ok(()) => self.charge(out.len()).map(|()| out),
            Err(TooLong) => self.charge(usize::MAX).map(|()| out),
        }
    }

    /// Runs `use_it` on the compiled regex; those written in the template are compiled already.
    pub(in crate::template) fn regex<T>(
        &self,
        pattern: &[u8],
        use_it: impl FnOnce(&regex::bytes::Regex) -> T,
    ) -> Result<T, String> {
        /// What compiling a regex for each line counts for, next to bytes produced.
        const COMPILE_COST: usize = 64 * 1024;
        if let Some(compiled) = self.template.regexes.get(pattern) {
            return compiled.as_ref().map(use_it).map_err(Clone::clone);
        }
        self.charge(COMPILE_COST)?;
        crate::template::compile_regex(pattern).map(|regex| use_it(&regex))
    }
}
