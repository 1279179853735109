//! A guarded database behind a pool. No such row is an answer. A pool whose connections are
//! all lent out says nothing about the database, which was not asked. A database that is
//! locked fails, and opens the breaker.
//!
//! `cargo run -p microbreaker-service-example --example database`

use std::path::PathBuf;
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, CallError, Outcome, Phase, guarded};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection as _, SqliteConnection};

const CONNECTIONS: u32 = 2;

/// The users in a database.
struct Users {
    breaker: Breaker,
    pool: SqlitePool,
}

impl Users {
    async fn open(path: SqliteConnectOptions, clock: PausedClock) -> anyhow::Result<Self> {
        let breaker = Breaker::builder("users")
            .consecutive_failures(3)
            .open_for(Duration::from_secs(30))
            .clock(clock)
            .build()?;
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            // How long a call waits for a connection. The limit of a statement is another.
            .acquire_timeout(Duration::from_millis(500))
            .connect_with(path)
            .await?;
        Ok(Self { breaker, pool })
    }

    #[guarded(by = self.breaker, classify = |result: &Result<_, _>| self.meaning(result))]
    async fn name(&self, id: i64) -> Result<String, CallError<sqlx::Error>> {
        let query = sqlx::query_scalar("SELECT name FROM users WHERE id = ?").bind(id);
        query.fetch_one(&self.pool).await
    }

    /// What only the database can be blamed for is a failure.
    fn meaning<T>(&self, result: &Result<T, sqlx::Error>) -> Outcome {
        let Err(error) = result else { return Outcome::Success };
        match error {
            // All connections are lent out: the database was not asked. If it is slow, the
            // calls that have them will say so. But with fewer connections than there may be,
            // the pool was waiting for the database.
            sqlx::Error::PoolTimedOut if self.pool.size() == CONNECTIONS => Outcome::Ignored,
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => {
                Outcome::Failure
            }
            // SQLITE_BUSY; for a server, that it is shutting down, out of memory, ...
            sqlx::Error::Database(error) if error.code().as_deref() == Some("5") => {
                Outcome::Failure
            }
            // No such row, a statement that is wrong, a constraint that it breaks.
            _ => Outcome::Success,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let path = Temporary::new("users.db");
    // It waits this long for a lock.
    let options = SqliteConnectOptions::new().busy_timeout(Duration::from_millis(1));
    let options = options.filename(&path.0).create_if_missing(true);
    let clock = PausedClock::new();
    let users = Users::open(options.clone(), clock.clone()).await?;
    sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        .execute(&users.pool)
        .await?;
    sqlx::query("INSERT INTO users VALUES (1, 'Ada')").execute(&users.pool).await?;

    println!("user 1: {}; {}", users.name(1).await?, users.breaker.phase());
    for _ in 0..5 {
        let error = users.name(2).await.unwrap_err();
        assert!(matches!(error, CallError::Failed(sqlx::Error::RowNotFound)));
    }
    println!("user 2 is unknown, five times; {}", users.breaker.phase());
    assert_eq!(users.breaker.phase(), Phase::Closed);

    let lent = [users.pool.acquire().await?, users.pool.acquire().await?];
    for _ in 0..3 {
        let error = users.name(1).await.unwrap_err();
        assert!(matches!(error, CallError::Failed(sqlx::Error::PoolTimedOut)));
    }
    println!("all connections are lent out, three times; {}", users.breaker.phase());
    assert_eq!(users.breaker.phase(), Phase::Closed);
    drop(lent);

    let mut other = SqliteConnection::connect_with(&options).await?;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await?;
    for _ in 0..3 {
        let error = users.name(1).await.unwrap_err();
        println!("{error}; {}", users.breaker.phase());
    }
    let refused = users.name(1).await.unwrap_err();
    println!("{refused}");
    assert!(refused.is_rejected());

    sqlx::query("ROLLBACK").execute(&mut other).await?;
    clock.advance(Duration::from_secs(30));
    println!("user 1: {}; {}", users.name(1).await?, users.breaker.phase());
    assert_eq!(users.breaker.phase(), Phase::Closed);
    Ok(())
}

/// A file that is removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("microbreaker-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("there is a folder for temporary files");
        Self(folder.join(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = self.0.parent().map(std::fs::remove_dir_all);
    }
}
