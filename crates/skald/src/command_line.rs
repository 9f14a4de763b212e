//! The command line, Loki's flags included, is rewritten here into Skald's own flags.
//!
//! Loki's flags have one dash or two, and their value behind `=` or as the next argument; a boolean
//! needs none, and takes the next argument when that is `true` or `false`. What is a setting here
//! becomes our flag for it. The rest is kept aside: what the server does with Loki's switches, keys
//! of a Loki file that were given as flags, and warnings of flags that change nothing here.

use skald_server::config::keys;
use skald_server::config::loki::flags;
use skald_server::config::loki::flags::Flag;
use std::ffi::OsString;
use std::iter::Peekable;

/// What a flag takes.
#[derive(Clone, Copy)]
enum Takes {
    /// A value, behind `=` or as the next argument.
    Value,
    /// A boolean, or nothing for true.
    Boolean,
    /// A boolean, or nothing for true; our own parser knows it without a value only.
    Request,
}

/// Our own flags that are not settings.
const OWN: &[(&str, Takes)] = &[
    ("listen", Takes::Value),
    ("data", Takes::Value),
    ("config", Takes::Value),
    ("help", Takes::Request),
    ("version", Takes::Request),
];

/// What Loki's command line asks for beside settings.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct LokiFlags {
    /// `-config.file`: paths by commas, the first that exists counts.
    pub(crate) file: Option<String>,
    /// `-config.expand-env`
    pub(crate) expand_env: bool,
    /// `-verify-config`: say whether the settings are valid, and end.
    pub(crate) verify: bool,
    /// `-print-config-stderr`
    pub(crate) print: bool,
    /// `-log-config-reverse-order`
    pub(crate) log_reversed: bool,
    /// `-list-targets`
    pub(crate) list_targets: bool,
    /// Keys of a Loki file, with what stands for them.
    pub(crate) keys: Vec<(String, String)>,
    /// Flags that were given and change nothing.
    pub(crate) not_needed: Vec<String>,
}

/// A command line for our own parser, and what is kept aside of it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    /// Arguments with the program's name.
    pub(crate) own: Vec<OsString>,
    /// What Loki's flags ask for.
    pub(crate) loki: LokiFlags,
}

impl Arguments {
    /// Of what the program was started with. Other commands than the server keep their arguments as
    /// they are.
    pub(crate) fn read(given: impl IntoIterator<Item = OsString>) -> Result<Arguments, String> {
        let mut given = given.into_iter().peekable();
        let mut arguments = Arguments::default();
        arguments.own.extend(given.next());
        let mut is_first = true;
        while let Some(argument) = given.next() {
            let text = argument.to_str().unwrap_or_default();
            let Some(flag) = flag_of(text) else {
                // `serve` says what is done without it, wherever it stands.
                let is_serve = argument == "serve";
                if !is_serve || is_first {
                    arguments.own.push(argument);
                }
                if is_first && !is_serve {
                    arguments.own.extend(given);
                    return Ok(arguments);
                }
                is_first = false;
                continue;
            };
            is_first = false;
            arguments.take(flag, text, &mut given)?;
        }
        Ok(arguments)
    }

    fn take(
        &mut self,
        flag: &str,
        text: &str,
        rest: &mut Peekable<impl Iterator<Item = OsString>>,
    ) -> Result<(), String> {
        let (name, joined) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let own = own_name(name);
        let takes = match own {
            Some((_, takes)) => takes,
            None => match flags::is_boolean(name) {
                Some(true) => Takes::Boolean,
                Some(false) => Takes::Value,
                None => return Err(unknown(text, name)),
            },
        };
        let next = match (&joined, takes) {
            (Some(_), _) => None,
            (None, Takes::Value) => rest.next(),
            (None, _) => rest.next_if(|next| next == "true" || next == "false"),
        };
        let value = joined.or_else(|| next.and_then(|next| next.into_string().ok()));
        let value = match (value, takes) {
            (Some(value), _) => value,
            (None, Takes::Value) => return Err(format!("{text} needs a value")),
            (None, _) => "true".to_owned(),
        };
        match own {
            Some((own, Takes::Request)) => {
                let is_asked =
                    flags::switch(&value).map_err(|error| format!("-{name}: {error}"))?;
                self.own.extend(is_asked.then(|| format!("--{own}").into()));
            }
            Some((own, _)) => self.own.push(format!("--{own}={value}").into()),
            None => self.take_lokis(name, value)?,
        }
        Ok(())
    }

    fn take_lokis(&mut self, name: &str, value: String) -> Result<(), String> {
        let loki = &mut self.loki;
        let switch = match name {
            "config.file" => {
                loki.file = Some(value).filter(|files| !files.trim().is_empty());
                return Ok(());
            }
            "config.expand-env" => &mut loki.expand_env,
            "verify-config" => &mut loki.verify,
            "print-config-stderr" => &mut loki.print,
            "log-config-reverse-order" => &mut loki.log_reversed,
            "list-targets" => &mut loki.list_targets,
            _ => {
                match flags::find(name) {
                    Some(Flag::Setting(setting)) => {
                        self.own.push(format!("--{setting}={value}").into());
                    }
                    Some(Flag::Key(key)) => {
                        let key = key.name(name);
                        loki.keys.retain(|(other, _)| *other != key);
                        loki.keys.push((key, value));
                    }
                    _ => loki.not_needed.push(name.to_owned()),
                }
                return Ok(());
            }
        };
        *switch = flags::switch(&value).map_err(|error| format!("-{name}: {error}"))?;
        Ok(())
    }
}

/// A flag without its one or two dashes; `None` for other arguments and for flags of one letter.
fn flag_of(text: &str) -> Option<&str> {
    let flag = text.strip_prefix("--").or_else(|| text.strip_prefix('-'))?;
    let is_long = flag.len() > 1 && flag.starts_with(|c: char| c.is_ascii_alphabetic());
    is_long.then_some(flag)
}

/// Our own flag of a name, and what it takes; `-` counts as `_` where no flag of Loki's is meant.
fn own_name(name: &str) -> Option<(String, Takes)> {
    let setting = |name: &str| {
        keys::find(name).map(|key| match key.is_boolean() {
            true => Takes::Boolean,
            false => Takes::Value,
        })
    };
    let special = OWN.iter().find(|(own, _)| *own == name);
    let takes = special.map(|(_, takes)| *takes);
    if let Some(takes) = takes.or_else(|| setting(name)) {
        return Some((name.to_owned(), takes));
    }
    let spelled = name.replace('-', "_");
    let takes = setting(&spelled).filter(|_| flags::is_boolean(name).is_none())?;
    Some((spelled, takes))
}

fn unknown(text: &str, name: &str) -> String {
    let shown = text.split('=').next().unwrap_or(text);
    let nearest =
        flags::nearest(name).map_or(String::new(), |near| format!(", did you mean -{near}?"));
    format!("there is no flag {shown}{nearest} (skald --help lists all)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, String> {
        let words = std::iter::once("skald").chain(line.split_whitespace());
        Arguments::read(words.map(OsString::from))
    }

    fn check(line: &str, own: &str, loki: LokiFlags) {
        let own: Vec<OsString> = std::iter::once("skald")
            .chain(own.split_whitespace())
            .map(OsString::from)
            .collect();
        assert_eq!(read(line), Ok(Arguments { own, loki }), "{line}");
    }

    fn of_file(file: &str) -> LokiFlags {
        LokiFlags {
            file: Some(file.to_owned()),
            ..LokiFlags::default()
        }
    }

    #[test]
    fn lokis_file_is_taken_in_every_form() {
        for line in [
            "-config.file=/etc/loki/local-config.yaml",
            "--config.file=/etc/loki/local-config.yaml",
            "-config.file /etc/loki/local-config.yaml",
            "--config.file /etc/loki/local-config.yaml",
        ] {
            check(line, "", of_file("/etc/loki/local-config.yaml"));
            check(
                &format!("serve {line}"),
                "serve",
                of_file("/etc/loki/local-config.yaml"),
            );
            check(
                &format!("{line} serve"),
                "",
                of_file("/etc/loki/local-config.yaml"),
            );
        }
    }

    #[test]
    fn switches_need_no_value_and_take_one() {
        for (line, expected) in [
            ("-config.expand-env", true),
            ("-config.expand-env=true", true),
            ("--config.expand-env=1", true),
            ("-config.expand-env=false", false),
        ] {
            let expand_env = expected;
            check(
                line,
                "",
                LokiFlags {
                    expand_env,
                    ..LokiFlags::default()
                },
            );
        }
        let verify = LokiFlags {
            verify: true,
            ..of_file("a")
        };
        check("-verify-config -config.file=a", "", verify);
        assert!(read("-verify-config=perhaps").is_err());
    }

    #[test]
    fn a_boolean_takes_the_next_argument_only_when_it_is_one() {
        for (line, own) in [
            ("-auth.enabled true", "--auth_enabled=true"),
            ("-auth.enabled false", "--auth_enabled=false"),
            ("--auth_enabled --data d", "--auth_enabled=true --data=d"),
            ("--self-logs false", "--self_logs=false"),
            (
                "--limits_config.strict -listen :80",
                "--limits_config.strict=true --listen=:80",
            ),
            ("-version=true", "--version"),
            ("-version=false -help=0", ""),
            ("--help=1", "--help"),
        ] {
            check(line, own, LokiFlags::default());
        }
        let expand_env = LokiFlags {
            expand_env: true,
            ..of_file("a")
        };
        check("-config.expand-env true -config.file=a", "", expand_env);
        assert!(read("-version=perhaps").is_err());
    }

    #[test]
    fn settings_become_our_flags() {
        check(
            "-log.level=debug --log.format json",
            "--server.log_level=debug --server.log_format=json",
            LokiFlags::default(),
        );
        check(
            "-auth.enabled=false",
            "--auth_enabled=false",
            LokiFlags::default(),
        );
        check("-auth.enabled", "--auth_enabled=true", LokiFlags::default());
        check(
            "-listen :80 --data d",
            "--listen=:80 --data=d",
            LokiFlags::default(),
        );
        check(
            "-limits_config.max_line_size=1KB",
            "--limits_config.max_line_size=1KB",
            LokiFlags::default(),
        );
        check(
            "--limits-config.max-line-size=1KB",
            "--limits_config.max_line_size=1KB",
            LokiFlags::default(),
        );
        check("-help", "--help", LokiFlags::default());
        check("-h -V", "-h -V", LokiFlags::default());
        check("-version", "--version", LokiFlags::default());
    }

    #[test]
    fn keys_and_flags_that_change_nothing_are_kept_aside() {
        let keys = vec![
            ("target".to_owned(), "all".to_owned()),
            ("common.path_prefix".to_owned(), "/b".to_owned()),
        ];
        let loki = LokiFlags {
            keys,
            not_needed: vec!["ingester.chunks-idle-period".to_owned()],
            ..LokiFlags::default()
        };
        check(
            "-common.path-prefix=/a -target=all -common.path-prefix=/b -ingester.chunks-idle-period 1h",
            "",
            loki,
        );
    }

    #[test]
    fn other_commands_keep_their_arguments() {
        check(
            "query -config.file=x",
            "query -config.file=x",
            LokiFlags::default(),
        );
        check("config check -x", "config check -x", LokiFlags::default());
    }

    #[test]
    fn what_nobody_knows_is_refused_with_the_nearest_name() {
        let refused = |line: &str| read(line).expect_err("no such flag");
        assert_eq!(
            refused("-config.fiel=x"),
            "there is no flag -config.fiel, did you mean -config.file? (skald --help lists all)"
        );
        assert_eq!(
            refused("--zzzzzzzz.yyyyyyy"),
            "there is no flag --zzzzzzzz.yyyyyyy (skald --help lists all)"
        );
        assert_eq!(refused("-log.level"), "-log.level needs a value");
    }
}
