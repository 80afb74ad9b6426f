//! How long a store of 1,000,000 objects takes to come back, and what its index takes:
//! `cargo run --release -p weir-cache --example disk_scale [OBJECTS [DIRECTORY]]`.

use std::error::Error;
use std::time::{Duration, Instant};

use weir_cache::disk::{DiskPlan, DiskStore};

const BODY_BYTES: usize = 500;
const HEAD: [u8; 200] = [b'h'; 200];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let objects: u32 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let temporary = tempfile::tempdir()?;
    let directory = arguments.next().map_or_else(|| temporary.path().to_owned(), Into::into);
    let plan = DiskPlan::new(directory, 64 << 30);

    let store = DiskStore::open(plan.clone())?;
    let start = Instant::now();
    for number in 0..objects {
        let mut writer = store.begin(&number.to_le_bytes(), Some(BODY_BYTES as u64))?;
        writer.push(&[b'b'; BODY_BYTES])?;
        writer.commit(&HEAD)?;
    }
    let wrote = start.elapsed();
    println!("| | |\n|---|---:|");
    println!("| objects | {objects} |");
    println!("| µs to write one | {:.2} |", micros(wrote, objects));
    drop(store);

    let start = Instant::now();
    let store = DiskStore::open(plan)?;
    println!("| ms to come back | {} |", start.elapsed().as_millis());
    let numbers = store.numbers();
    println!("| objects found | {} |", numbers.objects);
    println!("| segments | {} |", numbers.segments);
    println!("| bytes of index an object | {} |", numbers.index_bytes / numbers.objects.max(1));

    let mut buffer = [0; BODY_BYTES];
    let start = Instant::now();
    for number in (0..objects).map(|number| number.wrapping_mul(2_654_435_761) % objects) {
        let found = store.get(&number.to_le_bytes()).ok_or("an object is gone")?;
        found.read_at(0, &mut buffer)?;
    }
    println!("| µs to read one | {:.2} |", micros(start.elapsed(), objects));
    Ok(())
}

fn micros(elapsed: Duration, objects: u32) -> f64 {
    elapsed.as_secs_f64() * 1e6 / f64::from(objects)
}
