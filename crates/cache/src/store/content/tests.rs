//! Content that comes, and who reads it meanwhile.

use std::task::Waker;

use super::*;
use crate::disk::{DiskPlan, DiskStore};
use crate::range::Span;

/// Whether bytes are visible; those on disk are read at once.
fn poll(reader: &mut Reader) -> Poll<Result<bool, Broken>> {
    let next = reader.poll(&mut Context::from_waker(Waker::noop()));
    next.map_ok(|next| match next {
        Next::Data => true,
        Next::End => false,
        Next::OnDisk(span) => {
            reader.supply(span.read().unwrap());
            true
        }
    })
}

fn read(reader: &mut Reader) -> (Vec<u8>, Poll<Result<bool, Broken>>) {
    let mut bytes = Vec::new();
    loop {
        match poll(reader) {
            Poll::Ready(Ok(true)) => {
                bytes.extend_from_slice(reader.data());
                reader.consume(reader.data().len());
            }
            end => return (bytes, end),
        }
    }
}

#[test]
fn readers_follow_while_it_comes() {
    let content = Arc::new(Content::default());
    let mut early = Reader::new(Arc::clone(&content), None);
    assert!(poll(&mut early).is_pending());
    content.push(Bytes::from_static(b"abc"));
    assert_eq!(read(&mut early), (b"abc".to_vec(), Poll::Pending));
    let mut late = Reader::new(Arc::clone(&content), None);
    content.push(Bytes::from_static(b"def"));
    content.finish();
    assert!(content.is_whole());
    assert_eq!(read(&mut early), (b"def".to_vec(), Poll::Ready(Ok(false))));
    assert_eq!(read(&mut late), (b"abcdef".to_vec(), Poll::Ready(Ok(false))));
    let mut part = Reader::new(content, Some(Span { first: 2, last: 3 }));
    assert_eq!(read(&mut part), (b"cd".to_vec(), Poll::Ready(Ok(false))));
}

#[test]
fn what_breaks_off_is_an_error_to_all() {
    let content = Arc::new(Content::default());
    let mut reader = Reader::new(Arc::clone(&content), None);
    content.push(Bytes::from_static(b"abc"));
    content.fail();
    content.finish();
    assert!(content.is_broken() && !content.is_whole());
    assert_eq!(read(&mut reader), (b"abc".to_vec(), Poll::Ready(Err(Broken))));
    let whole = Arc::new(Content::whole(Bytes::from_static(b"abc")));
    let mut beyond = Reader::new(whole, Some(Span { first: 1, last: 9 }));
    assert_eq!(read(&mut beyond), (b"bc".to_vec(), Poll::Ready(Err(Broken))));
}

#[test]
fn what_is_let_pass_waits_for_the_slowest() {
    let content = Arc::new(Content::default());
    let mut slow = Reader::new(Arc::clone(&content), None);
    content.let_pass();
    let room = || content.poll_room(&mut Context::from_waker(Waker::noop()));
    let block = Bytes::from(vec![b'x'; 128 * 1024]);
    for _ in 0..2 {
        assert_eq!(room(), Poll::Ready(true));
        content.push(block.clone());
    }
    assert_eq!(room(), Poll::Pending);
    assert_eq!(read(&mut slow).0.len(), 256 * 1024);
    assert_eq!(room(), Poll::Ready(true));
    content.finish();
    assert!(!content.is_whole(), "it was not kept");
    assert_eq!(poll(&mut slow), Poll::Ready(Ok(false)));
    drop(slow);
    assert_eq!(room(), Poll::Ready(false), "nobody is left to read");
}

#[test]
fn whole_content_is_in_few_pieces() {
    let content = Content::default();
    for _ in 0..40 {
        content.push(Bytes::from(vec![1; 60_000]));
    }
    content.finish();
    let lengths: Vec<_> = content.pieces().map(Bytes::len).collect();
    assert_eq!(lengths, [PIECE_BYTES_MAX, PIECE_BYTES_MAX, 2_400_000 - 2 * PIECE_BYTES_MAX]);
}

#[test]
fn what_is_too_long_for_memory_is_read_from_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = DiskStore::open(DiskPlan::new(directory.path(), 64 << 20)).unwrap();
    let block = |byte: u8| Bytes::from(vec![byte; 100_000]);
    let mut writer = store.begin(b"k", Some(400_000)).unwrap();
    let content = Arc::new(Content::default());
    let mut early = Reader::new(Arc::clone(&content), None);
    let mut part = Reader::new(Arc::clone(&content), Some(Span { first: 99_999, last: 300_000 }));
    for byte in 1..=3 {
        content.push(block(byte));
        writer.push(&block(byte)).unwrap();
    }
    content.spill(&writer.file().unwrap(), 200_000);
    assert_eq!((content.memory_bytes(), content.length()), (100_000, 300_000));
    let mut so_far = Vec::new();
    while let Poll::Ready(Ok(true)) = poll(&mut early) {
        so_far.extend_from_slice(early.data());
        early.consume(early.data().len());
    }
    assert!(so_far == [block(1), block(2), block(3)].concat());
    content.push(block(4));
    writer.push(&block(4)).unwrap();
    writer.commit(b"").unwrap();
    content.finish_on_disk(Arc::new(store.get(b"k").unwrap()));
    assert!(content.is_whole() && !content.is_in_memory() && content.memory_bytes() < 1000);
    assert_eq!(read(&mut early), (block(4).to_vec(), Poll::Ready(Ok(false))));
    let wanted = [&[1][..], &block(2), &block(3), &[4]].concat();
    assert!(read(&mut part) == (wanted, Poll::Ready(Ok(false))));
    let mut beyond = Reader::new(content, Some(Span { first: 399_990, last: 400_000 }));
    assert_eq!(read(&mut beyond), (vec![4; 10], Poll::Ready(Err(Broken))));
}

#[test]
fn what_could_not_be_kept_is_still_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let store = DiskStore::open(DiskPlan::new(directory.path(), 64 << 20)).unwrap();
    let mut writer = store.begin(b"k", Some(400_000)).unwrap();
    writer.push(&[1; 300_000]).unwrap();
    let content = Arc::new(Content::default());
    content.push(Bytes::from(vec![1; 300_000]));
    let mut reader = Reader::new(Arc::clone(&content), None);
    content.spill(&writer.file().unwrap(), 300_000);
    drop(writer);
    content.push(Bytes::from_static(b"end"));
    content.finish();
    assert!(!content.is_whole() && !content.is_broken());
    let (bytes, end) = read(&mut reader);
    assert_eq!((bytes.len(), end), (300_003, Poll::Ready(Ok(false))));
}
