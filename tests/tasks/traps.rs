//! Traps that only a real PostgreSQL sets.

tests! {}
