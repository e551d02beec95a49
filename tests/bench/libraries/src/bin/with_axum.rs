//! axum on tokio's runtime of many threads.

use axum::Router;
use axum::extract::Json;
use axum::routing::{get, post};
use libraries::{Note, SLOW, address};

#[tokio::main]
async fn main() {
    let slow = || async {
        tokio::time::sleep(SLOW).await;
        "slow\n"
    };
    let app = Router::new()
        .route("/", get(|| async { "hello\n" }))
        .route("/echo", post(|Json(note): Json<Note>| async { Json(note) }))
        .route("/slow", get(slow));
    let listener = tokio::net::TcpListener::bind(address()).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
