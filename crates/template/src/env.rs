//! The environment of an execution holds what it runs over and limits what it produces.

use crate::print::{Printer, TooLong};
use crate::regexes::{self, Regexes};
use crate::subject::{AlertContext, Context, Subject};
use std::cell::Cell;

/// Longest output over a line, in bytes; four of the longest lines that may be stored.
const LINE_OUTPUT_MAX: usize = 1024 * 1024;

/// Longest output over an alert, in bytes: what people read.
const ALERT_OUTPUT_MAX: usize = 64 * 1024;

/// Bytes that all functions of one execution may produce together: bounds time and memory of nested calls.
const PRODUCED_BYTES_MAX: usize = 8 * 1024 * 1024;
const _: () = assert!(PRODUCED_BYTES_MAX >= LINE_OUTPUT_MAX);

/// How often one execution may ask for data: each question may read much.
const QUESTIONS_MAX: u32 = 20;

/// What a function may see of the execution.
pub(crate) struct Env<'a> {
    subject: Subject<'a>,
    regexes: &'a Regexes,
    /// Bytes that may still be produced.
    left: Cell<usize>,
    /// Questions that may still be asked.
    questions: Cell<u32>,
}

impl<'a> Env<'a> {
    /// Of an execution that begins.
    pub(crate) fn new(subject: Subject<'a>, regexes: &'a Regexes) -> Env<'a> {
        Env {
            subject,
            regexes,
            left: Cell::new(PRODUCED_BYTES_MAX),
            questions: Cell::new(QUESTIONS_MAX),
        }
    }

    /// The line; a blank one where there is none.
    pub(crate) fn entry(&self) -> &'a dyn Context {
        self.subject.entry()
    }

    /// The alert.
    pub(crate) fn alert(&self) -> Result<&'a AlertContext<'a>, String> {
        match self.subject {
            Subject::Alert(alert) => Ok(alert),
            Subject::Entry(_) => Err("there is no alert".to_owned()),
        }
    }

    /// The alert, to be asked for data.
    pub(crate) fn question(&self) -> Result<&'a AlertContext<'a>, String> {
        match self.questions.get().checked_sub(1) {
            Some(left) => self.questions.set(left),
            None => return Err(format!("template asks more than {QUESTIONS_MAX} times")),
        }
        self.alert()
    }

    pub(crate) fn label_count(&self) -> usize {
        self.entry().labels().len()
    }

    /// Longest output, in bytes.
    pub(crate) fn output_max(&self) -> usize {
        match self.subject {
            Subject::Entry(_) => LINE_OUTPUT_MAX,
            Subject::Alert(_) => ALERT_OUTPUT_MAX,
        }
    }

    /// Takes `bytes` from what may still be produced; to be called before producing them.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), String> {
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
    pub(crate) fn print(
        &self,
        run: impl FnOnce(&mut Printer<'_, 'a>) -> Result<(), TooLong>,
    ) -> Result<Vec<u8>, String> {
        let labels = || self.entry().labels();
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
    pub(crate) fn regex<T>(
        &self,
        pattern: &[u8],
        use_it: impl FnOnce(&regex::bytes::Regex) -> T,
    ) -> Result<T, String> {
        /// What compiling a regex for each line counts for, next to bytes produced.
        const COMPILE_COST: usize = 64 * 1024;
        if let Some(compiled) = self.regexes.get(pattern) {
            return compiled.as_ref().map(use_it).map_err(Clone::clone);
        }
        self.charge(COMPILE_COST)?;
        regexes::compile(pattern).map(|regex| use_it(&regex))
    }
}
