//! `countersign keys`: lists the keys of the accounts, makes key pairs and shows the contents of a key file.
//!
//! The private half is printed only when it has just been made and no output file was given; `show` never prints it.

mod list;

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::output::{print_json, stdout};
use super::{CommandError, Exit, input};
use crate::clock::Clock;
use crate::secret::Secret;
use crate::sign::{AnyKey, PrivateKey, PublicKey};

use list::List;

/// List the keys of the accounts, make a key pair, or show the contents of a key file
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the keys of every account, with their state and last use; the default without a subcommand
    List(List),
    /// Make an RSA key pair
    Generate(Generate),
    /// Show the public half of a private or public key file
    Show(Show),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  countersign keys generate --out keys/shop-th    # keys/shop-th.pem and keys/shop-th.pub")]
struct Generate {
    /// Size of the key in bits: 2048, 3072, 4096 or 8192
    #[arg(long, value_name = "N", default_value_t = 4096)]
    bits: usize,
    /// Write PREFIX.pem (private, readable only by you) and PREFIX.pub (one line, for the provider) instead of
    /// printing both. Neither file may exist; a missing folder is created
    #[arg(long, value_name = "PREFIX")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// A private or public key, as PEM or as one-line base64; only the public half of a private key is shown
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let mut out = stdout();
    match &args.command {
        None => list::list(&args.list, Clock::System.now(), &mut out)?,
        Some(Command::List(args)) => list::list(args, Clock::System.now(), &mut out)?,
        Some(Command::Generate(args)) => generate(args, &mut out)?,
        Some(Command::Show(args)) => show(args, &mut out)?,
    }
    Ok(Exit::Done)
}

fn generate(args: &Generate, out: &mut impl Write) -> Result<(), CommandError> {
    let Some(prefix) = &args.out else {
        return print_pair(&make(args.bits)?, args.json, out);
    };
    let files = PairFiles::at(prefix);
    // Checked before the key is made: a big key takes seconds.
    files.refuse_to_overwrite()?;
    let key = make(args.bits)?;
    files.write(&key)?;
    let report = Written {
        bits: key.public().bits(),
        fingerprint: key.public().fingerprint(),
        private_file: files.private.display().to_string(),
        public_file: files.public.display().to_string(),
    };
    if args.json {
        return print_json(&report, out);
    }
    writeln!(out, "RSA key of {} bits", report.bits)?;
    writeln!(out, "fingerprint  {}", report.fingerprint)?;
    writeln!(out, "private key  {}", report.private_file)?;
    writeln!(out, "public key   {}", report.public_file)?;
    print_next_steps(&report, prefix, out)
}

fn print_next_steps(
    report: &Written,
    prefix: &Path,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let id = prefix.file_name().unwrap_or_default().to_string_lossy();
    writeln!(out, "\nnext")?;
    writeln!(out, "  1. give the line in {} to the provider", report.public_file)?;
    writeln!(out, "  2. keep {} to yourself, and name it in the account:", report.private_file)?;
    writeln!(out, "       [[account.signing_key]]")?;
    writeln!(out, "       id          = {id:?}")?;
    writeln!(out, "       private_key = {{ file = {:?} }}", report.private_file)?;
    writeln!(out, "  3. run `countersign check`")?;
    Ok(())
}

fn show(args: &Show, out: &mut impl Write) -> Result<(), CommandError> {
    let key = input::any_key(&args.file)?;
    let kind = match key {
        AnyKey::Private(_) => "private",
        AnyKey::Public(_) => "public",
    };
    let report = Shown { kind, public: Public::of(key.public()) };
    if args.json {
        return print_json(&report, out);
    }
    writeln!(out, "{} RSA key of {} bits", report.kind, report.public.bits)?;
    writeln!(out, "fingerprint  {}", report.public.fingerprint)?;
    print_public(&report.public, out)
}

fn make(bits: usize) -> Result<PrivateKey, CommandError> {
    PrivateKey::generate(bits).map_err(|error| CommandError::usage(error.to_string()))
}

#[derive(Serialize)]
struct Written {
    bits: usize,
    fingerprint: String,
    private_file: String,
    public_file: String,
}

#[derive(Serialize)]
struct Shown {
    kind: &'static str,
    #[serde(flatten)]
    public: Public,
}

#[derive(Serialize)]
struct Public {
    bits: usize,
    fingerprint: String,
    public_pem: String,
    public_base64: String,
}

impl Public {
    fn of(key: &PublicKey) -> Self {
        Self {
            bits: key.bits(),
            fingerprint: key.fingerprint(),
            public_pem: key.to_pem(),
            public_base64: key.to_base64(),
        }
    }
}

fn print_public(public: &Public, out: &mut impl Write) -> Result<(), CommandError> {
    writeln!(out, "\npublic key, PEM\n{}", public.public_pem)?;
    writeln!(out, "public key, one line for the provider\n{}", public.public_base64)?;
    Ok(())
}

/// Prints both halves of a key that was just made.
fn print_pair(key: &PrivateKey, json: bool, out: &mut impl Write) -> Result<(), CommandError> {
    /// Borrows the private texts, so that they are wiped with their [`Secret`]s.
    #[derive(Serialize)]
    struct Pair<'a> {
        #[serde(flatten)]
        public: Public,
        private_pem: &'a str,
        private_base64: &'a str,
    }
    let (pem, base64) = (key.to_pkcs8_pem(), key.to_pkcs8_base64());
    let public = Public::of(key.public());
    let pair = Pair { public, private_pem: text(&pem), private_base64: text(&base64) };
    if json {
        return print_json(&pair, out);
    }
    writeln!(out, "RSA key of {} bits", pair.public.bits)?;
    writeln!(out, "fingerprint  {}", pair.public.fingerprint)?;
    writeln!(out, "\nprivate key, PEM (keep it to yourself)\n{}", pair.private_pem)?;
    writeln!(out, "private key, one line (keep it to yourself)\n{}", pair.private_base64)?;
    print_public(&pair.public, out)
}

fn text(secret: &Secret) -> &str {
    std::str::from_utf8(secret.expose()).expect("PEM and base64 are ASCII")
}

struct PairFiles {
    private: PathBuf,
    public: PathBuf,
}

impl PairFiles {
    fn at(prefix: &Path) -> Self {
        let with = |ending: &str| {
            let mut path = OsString::from(prefix);
            path.push(ending);
            PathBuf::from(path)
        };
        Self { private: with(".pem"), public: with(".pub") }
    }

    fn refuse_to_overwrite(&self) -> Result<(), CommandError> {
        for path in [&self.private, &self.public] {
            // A dangling link counts: writing through it would create a file elsewhere.
            if path.symlink_metadata().is_ok() {
                return Err(file_error(path, "the file exists and is not overwritten"));
            }
        }
        Ok(())
    }

    /// Writes both files or none.
    fn write(&self, key: &PrivateKey) -> Result<(), CommandError> {
        if let Some(folder) = self.private.parent() {
            // An existing file is left unchanged.
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|error| file_error(folder, &error.to_string()))?;
        }
        create(&self.private, 0o600, key.to_pkcs8_pem().expose())?;
        let line = format!("{}\n", key.public().to_base64());
        create(&self.public, 0o644, line.as_bytes()).inspect_err(|_| {
            // Ours, made a moment ago, and of no use without its public half.
            let _ = fs::remove_file(&self.private);
        })
    }
}

/// Writes a file that must not exist yet, with its final mode from the first byte on.
fn create(path: &Path, mode: u32, contents: &[u8]) -> Result<(), CommandError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(contents).and_then(|()| file.sync_all()))
        .map_err(|error| file_error(path, &error.to_string()))
}

fn file_error(path: &Path, problem: &str) -> CommandError {
    CommandError::failed(format!("`{}`: {problem}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::sign::fixture::first;

    fn generated(out: Option<PathBuf>, json: bool) -> Result<String, CommandError> {
        let mut printed = Vec::new();
        generate(&Generate { bits: 2048, out, json }, &mut printed)?;
        Ok(String::from_utf8(printed).expect("text"))
    }

    fn shown(file: &Path, json: bool) -> String {
        let mut printed = Vec::new();
        show(&Show { file: file.to_owned(), json }, &mut printed).expect("a key file");
        String::from_utf8(printed).expect("text")
    }

    #[test]
    fn an_existing_key_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        for ending in ["pem", "pub"] {
            let prefix = folder.path().join(ending);
            let file = prefix.with_extension(ending);
            fs::write(&file, "precious").expect("written");
            let error = generated(Some(prefix), false).expect_err("should be refused");
            assert_eq!(error.exit, Exit::Failed);
            assert!(error.message.contains("not overwritten"), "{}", error.message);
            assert_eq!(fs::read(&file).expect("still there"), b"precious");
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing was added");
    }

    #[test]
    fn unsupported_sizes_are_wrong_usage() {
        let args = Generate { bits: 1024, out: None, json: false };
        let error = generate(&args, &mut Vec::new()).expect_err("should be refused");
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.message.contains("2048, 3072, 4096 or 8192"), "{}", error.message);
    }

    #[test]
    fn a_pair_of_files_can_be_read_back_and_the_private_one_only_by_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let prefix = folder.path().join("keys/shop-th.2026");
        let printed = generated(Some(prefix.clone()), false).expect("written");
        let files = PairFiles::at(&prefix);
        let mode = fs::metadata(&files.private).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let folder = fs::metadata(folder.path().join("keys")).expect("made").permissions().mode();
        assert_eq!(folder & 0o777, 0o700, "only the owner can use the folder that was made");
        let key = input::private_key(&files.private).expect("a private key");
        let line = fs::read(&files.public).expect("there");
        assert_eq!(&PublicKey::from_text(&line).expect("a public key"), key.public());
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
        assert!(printed.contains(&key.public().fingerprint()));
        assert!(!printed.contains("PRIVATE KEY"), "the private half is in its file only");
    }

    #[test]
    fn a_printed_pair_holds_both_halves_in_both_forms() {
        let printed = generated(None, true).expect("printed");
        let report: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        let of = |member: &str| Secret::new(report[member].as_str().expect("text").into());
        let key = PrivateKey::from_text(&of("private_pem")).expect("a private key");
        let same = PrivateKey::from_text(&of("private_base64")).expect("a private key");
        assert_eq!(key.public(), same.public());
        for member in ["public_pem", "public_base64"] {
            let public = PublicKey::from_text(of(member).expose()).expect("a public key");
            assert_eq!(&public, key.public());
        }
        assert_eq!(report["fingerprint"], key.public().fingerprint());
        assert!(generated(None, false).expect("printed").contains("BEGIN PRIVATE KEY"));
    }

    #[test]
    fn show_never_prints_the_private_half() {
        let folder = tempfile::tempdir().expect("a folder");
        let private = folder.path().join("key.pem");
        fs::write(&private, first().to_pkcs8_pem().expose()).expect("written");
        let public = folder.path().join("key.pub");
        fs::write(&public, first().public().to_base64()).expect("written");
        for json in [false, true] {
            let text = shown(&private, json);
            let secret = first().to_pkcs8_base64();
            // The middle of the private half; its head and the modulus are public.
            let middle = std::str::from_utf8(&secret.expose()[800..864]).expect("base64");
            assert!(!text.contains("PRIVATE") && !text.contains(middle));
            assert!(text.contains(&first().public().fingerprint()));
            assert!(text.contains(&first().public().to_base64()));
            assert!(text.contains("private") && shown(&public, json).contains("public"));
        }
        let report: serde_json::Value = serde_json::from_str(&shown(&public, true)).expect("JSON");
        assert_eq!((&report["kind"], &report["bits"]), (&"public".into(), &2048.into()));
        assert_eq!(report["public_pem"], first().public().to_pem());
    }
}
