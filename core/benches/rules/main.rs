//! What the rules cost: `cargo bench -p cairn-core`. Pairs stand in one group, so that their ratio
//! comes from one run. The figures are in docs/benchmarks.md.

mod payments;

use std::hint::black_box;

use cairn_core::block::Block;
use cairn_core::check::block::check_block;
use cairn_core::check::connect::connect_block;
use cairn_core::encoding::{decode, encode};
use cairn_core::header::Header;
use cairn_core::merkle::merkle_root;
use cairn_core::signature::cache::CachingVerifier;
use cairn_core::signature::{SerialVerifier, Verifier, is_valid};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

use payments::{COUNT, Payments};

/// The salt of caches here; it need not be secret.
const SALT: [u8; 32] = [7; 32];

/// A thousand signatures of a thousand keys.
fn signatures(criterion: &mut Criterion) {
    let batch = Payments::new().signatures();
    let mut group = criterion.benchmark_group("1,000 signatures");
    group.throughput(Throughput::Elements(COUNT.into()));
    group.bench_function("one by one", |bencher| bencher.iter(|| black_box(&batch).iter().all(is_valid)));
    group.bench_function("as a batch", |bencher| bencher.iter(|| SerialVerifier.verify(black_box(&batch))));
    group.finish();
}

/// A block of a thousand payments, on one thread. Warm: the cache has seen every signature, as when
/// the payments waited in the mempool.
fn connecting(criterion: &mut Criterion) {
    let payments = Payments::new();
    let checked = check_block(payments.block.clone(), &payments.params).expect("a valid block");
    let connect = |cache: &CachingVerifier<SerialVerifier>| {
        let Payments { block, coins, params } = &payments;
        connect_block(&checked, block.coinbase().height, params.genesis_time, coins, cache, params)
            .expect("valid")
    };
    let mut group = criterion.benchmark_group("connect a block of 1,000 payments");
    group.throughput(Throughput::Elements(COUNT.into()));
    let empty = || CachingVerifier::new(SerialVerifier, SALT);
    group.bench_function("cold signature cache", |bencher| {
        bencher.iter_batched_ref(empty, |cache| connect(cache), BatchSize::PerIteration);
    });
    let warm = empty();
    warm.verify(&payments.signatures()).expect("valid signatures");
    group.bench_function("warm signature cache", |bencher| bencher.iter(|| connect(&warm)));
    group.finish();
}

/// What is done with every block before its place in the chain matters.
fn reading(criterion: &mut Criterion) {
    let block = Payments::new().block;
    let (bytes, leaves) = (encode(&*block), block.leaves());
    let read = || decode::<Block>(black_box(&bytes), bytes.len()).expect("a block");
    criterion
        .bench_function("decode a block of 1,000 payments", |bencher| bencher.iter_with_large_drop(read));
    let leaves = leaves.get(1..).expect("a coinbase and the payments");
    criterion.bench_function("Merkle root of 1,000 leaves", |bencher| {
        bencher.iter(|| merkle_root(black_box(leaves)));
    });
    let header: Header = *block.header();
    criterion.bench_function("hash a header", |bencher| bencher.iter(|| black_box(&header).hash()));
}

criterion_group! {
    name = rules;
    // The machine that measures has other work at times: more samples, and a wider eye for noise.
    config = Criterion::default().sample_size(100).noise_threshold(0.05);
    targets = signatures, connecting, reading
}
criterion_main!(rules);
