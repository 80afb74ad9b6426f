//! Every limit and timeout of the configuration: what is over it is refused, nothing hangs.

mod connections;
mod deadlines;
mod memory;
mod sizes;
mod slow_clients;
mod slow_origins;
