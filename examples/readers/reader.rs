// Reads bookproof's vectors and asks an exchange: rustc -O reader.rs && ./reader bookproof-vectors/vectors.txt
use std::collections::HashMap;

/// Where your exchange goes: a command's fields in, its events out. This one takes every order and never trades.
fn carry_out(command: &HashMap<&str, &str>) -> Vec<String> {
    if command.get("do") != Some(&"submit") {
        return vec![];
    }
    let keys = ["symbol", "order_id", "side", "price", "quantity"];
    let fields = keys.map(|key| format!(" {key}={}", command.get(key).unwrap_or(&"")));
    vec![format!("event say=accepted{}", fields.concat())]
}

fn main() {
    let file = std::env::args().nth(1).expect("a file of vectors");
    let text = std::fs::read_to_string(file).expect("a file that can be read");
    let (mut count, mut fine, mut all) = (HashMap::<&str, u32>::new(), 0, true);
    let (mut said, mut sum) = (Vec::<String>::new(), 0xcbf29ce484222325u64);
    for line in text.lines() {
        let (word, fields) = line.split_once(' ').unwrap_or((line, ""));
        let before = *count.entry(word).and_modify(|n| *n += 1).or_insert(1) - 1;
        if (word == "scenario" && before > 0) || word == "end" {
            fine += u32::from(all && said.is_empty()); // the one before is over
            (all, said) = (true, vec![]); // a new exchange begins here
        }
        match word {
            "command" => {
                all &= said.is_empty();
                said = carry_out(&fields.split(' ').filter_map(|field| field.split_once('=')).collect());
            }
            "event" => all &= !said.is_empty() && said.remove(0) == line,
            "end" => assert_eq!(line, format!("end checksum={sum:016x}"), "the file was changed"),
            _ => {}
        }
        for byte in line.bytes().chain([b'\n']) {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x100000001b3);
        }
    }
    println!("{} {} {} {} {fine}", count["scenario"], count["command"], count["event"], count["view"]);
}
