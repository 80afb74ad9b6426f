//! Requests that never stop, to see that none is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;

use testkit::{Client, Weir};

/// Clients that ask on kept connections until they are told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<u16>>>,
}

impl Load {
    /// Asks from so many clients at once.
    pub fn on(weir: &Weir, clients: usize) -> Self {
        let (stop, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |_| {
            let (addr, stop, asked) = (weir.addr(), Arc::clone(&stop), Arc::clone(&asked));
            std::thread::spawn(move || {
                let mut client = Client::connect(addr);
                let mut failed = Vec::new();
                while !stop.load(Relaxed) {
                    let status = client.get("/").status;
                    asked.fetch_add(1, Relaxed);
                    if status != 200 {
                        failed.push(status);
                    }
                }
                failed
            })
        };
        let clients = (0..clients).map(client).collect();
        Self { stop, asked, clients }
    }

    /// Requests so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }

    /// Waits for so many further requests.
    pub fn wait(&self, more: usize) {
        let target = self.asked() + more;
        while self.asked() < target {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    /// Ends it; none may have failed.
    pub fn end(self) {
        self.stop.store(true, Relaxed);
        for client in self.clients {
            assert_eq!(client.join().expect("a client"), [0_u16; 0], "failed requests");
        }
    }
}
