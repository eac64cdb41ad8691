//! Reading what is right, and telling what is wrong and where.

use std::io::Write;

use super::*;

const WORDS: [&str; 2] = ["", "NA"];
const HEADER: Format = Format { delimiter: b',', columns: Columns::Header, missing: &WORDS };

fn parse(content: &str) -> Result<Table> {
    Table::parse("a.csv", content.as_bytes(), &HEADER)
}

fn message(result: Result<impl Sized>) -> String {
    match result {
        Ok(_) => panic!("wanted an error"),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn cells_keep_their_text_and_missing_ones_are_none() -> Result<()> {
    // With a byte-order mark, CRLF, quotes, an empty line and no line end after the last row.
    let table = parse("\u{feff}a,b\r\n1,\"x, \"\"y\"\"\"\r\n\r\nNA,\r\n-2.5e1,N A")?;
    assert_eq!(table.columns(), ["a", "b"]);
    assert_eq!(table.len(), 3);
    assert_eq!(table.numbers("a")?, [Some(1.0), None, Some(-25.0)]);
    assert_eq!(table.texts("b")?, [Some("x, \"y\""), None, Some("N A")]);
    assert_eq!(
        (table.kind("a")?, table.kind("b")?),
        (Kind::Numbers, Kind::Words)
    );
    Ok(())
}

/// What `pandas.read_csv` makes of the same columns: float64, bool, object, object, object, float64.
#[test]
fn columns_are_taken_for_what_pandas_takes_them_for() -> Result<()> {
    let table = parse("a,b,c,d,e,f\ninf,true,True,1,x,NA\n2,FALSE,,x,y,\nNA,True,false,2,NA,NA\n")?;
    let kinds: Result<Vec<Kind>> = table
        .columns()
        .iter()
        .map(|name| table.kind(name))
        .collect();
    assert_eq!(
        kinds?,
        [
            Kind::Numbers,
            Kind::Numbers,
            Kind::Words,
            Kind::Mixed(1),
            Kind::Words,
            Kind::Nothing
        ]
    );
    assert_eq!(table.numbers("b")?, [Some(1.0), Some(0.0), Some(1.0)]);
    assert_eq!(table.words("c")?, [Some("True"), None, Some("False")]);
    assert_eq!(table.words("d")?, [Some("1"), Some("x"), Some("2")]);
    assert!(message(table.numbers("a")).contains("column \"a\": found \"inf\", wanted a number"));
    Ok(())
}

#[test]
fn a_file_without_header_has_the_names_that_it_is_given() -> Result<()> {
    let format = Format {
        delimiter: b'\t',
        columns: Columns::Named(&["first", "second"]),
        missing: &[],
    };
    let table = Table::parse("a.tsv", b"1\t2, 3\n4\t5\n", &format)?;
    assert_eq!(table.required_numbers("first")?, [1.0, 4.0]);
    assert_eq!(table.texts("second")?, [Some("2, 3"), Some("5")]);
    let error = message(Table::parse("a.tsv", b"1\t2\n4\n", &format));
    assert!(
        error.contains(
            "a.tsv: line 2: found 1 columns, wanted 2: the row ends before column \"second\"; get"
        ),
        "{error}"
    );
    Ok(())
}

#[test]
fn every_damage_is_told_with_its_place() -> Result<()> {
    for (content, wanted) in [
        (
            "",
            "a.csv: found an empty file, wanted a line with the names",
        ),
        ("\n\n", "a.csv: found an empty file"),
        (
            "a,b\n",
            "a.csv: found no rows, wanted rows of the columns a, b",
        ),
        ("a,b\n1,2\n3\n", "a.csv: line 3: found 1 columns, wanted 2"),
        (
            "a,b\n\n1,2,3\n",
            "line 3: found 3 columns, wanted 2: the row continues after column \"b\"",
        ),
        (
            "a,b\r\n1,\"2\r\n\"\r\n3\r\n",
            "line 4: found 1 columns, wanted 2",
        ),
        (
            "a,b\n1,\"2\n3,4\n",
            "line 2: found a quote that is not closed",
        ),
        (
            "a,b\n1\"x,\"2\n3,4\n",
            "line 2: found a quote that is not closed",
        ),
        (
            "a,b,a\n1,2,3\n",
            "line 1: column 3: found the name \"a\" a second time",
        ),
    ] {
        let error = message(parse(content));
        assert!(error.contains(wanted), "{content:?}: {error}");
        assert!(
            error.ends_with("get the file again, see data/README.md"),
            "{error}"
        );
    }
    let error = message(Table::parse("a.csv", b"a,b\n1,2\n3,caf\xe9\n", &HEADER));
    assert!(
        error.contains("a.csv: line 3, column \"b\": found bytes that are not UTF-8 after \"caf\""),
        "{error}"
    );
    let error = message(Table::parse("a.csv", b"a,\xff\n1,2\n", &HEADER));
    assert!(error.contains("line 1: column 2: found bytes"), "{error}");
    Ok(())
}

#[test]
fn cells_that_are_no_numbers_are_told_with_their_place() -> Result<()> {
    let table = parse("a,b\n1,2\n\nNA,x\n3,inf\n")?;
    let error = message(table.numbers("b"));
    assert!(
        error.contains("a.csv: line 4, column \"b\": found \"x\", wanted a number; get"),
        "{error}"
    );
    let error = message(table.required_numbers("a"));
    assert!(
        error.contains("line 4, column \"a\": found a missing value, wanted a number"),
        "{error}"
    );
    let error = message(table.numbers("c"));
    assert!(
        error.contains("a.csv: found no column \"c\" among a, b"),
        "{error}"
    );
    for cell in ["nan", "1e999", "-4e38"] {
        let error = message(parse(&format!("a\n{cell}\n"))?.numbers("a"));
        assert!(error.contains(&format!("found {cell:?}")), "{error}");
    }
    let error = message(table.check_len(5));
    assert!(
        error.contains("line 5: found the end of the file after 3 rows, wanted 5 rows"),
        "{error}"
    );
    assert!(table.check_len(3).is_ok());
    Ok(())
}

#[test]
fn gzipped_files_are_read_alike_and_damaged_ones_are_errors() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.csv");
    let text = b"a,b\n1,2\n3,4\n";
    std::fs::write(&path, text)?;
    let plain = Table::read(&path, &HEADER)?;
    assert_eq!(plain.sha256(), <[u8; 32]>::from(Sha256::digest(text)));

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    encoder.write_all(text)?;
    let gzipped = encoder.finish()?;
    std::fs::write(&path, &gzipped)?;
    let table = Table::read(&path, &HEADER)?;
    for column in plain.columns() {
        assert_eq!(table.texts(column)?, plain.texts(column)?);
    }
    assert_eq!(table.sha256(), plain.sha256());

    for length in 2..gzipped.len() {
        std::fs::write(&path, &gzipped[..length])?;
        let error = message(Table::read(&path, &HEADER));
        assert!(
            error.contains("a.csv: found a gzip archive that is cut short"),
            "{error}"
        );
    }
    let mut damaged = gzipped.clone();
    damaged[gzipped.len() - 6] ^= 1;
    std::fs::write(&path, damaged)?;
    let error = message(Table::read(&path, &HEADER));
    assert!(error.contains("found a damaged gzip archive"), "{error}");

    let error = message(Table::read(folder.path(), &HEADER));
    assert!(
        error.contains(&folder.path().display().to_string()),
        "{error}"
    );
    assert!(message(Table::read(&folder.path().join("b"), &HEADER)).contains("cannot be opened"));
    Ok(())
}
