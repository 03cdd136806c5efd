//! Writes the seeds of every claim where cargo-fuzz looks for them: `tests/fuzz/corpus/NAME/`.

use std::fs;
use std::io;
use std::path::Path;

use cairn_tests::fuzzing::CLAIMS;
use cairn_tests::fuzzing::seeds::seeds;

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, _) in CLAIMS {
        let directory = corpus.join(name);
        fs::create_dir_all(&directory)?;
        for (number, seed) in seeds(name).into_iter().enumerate() {
            fs::write(directory.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
