//! actix-web, a worker for each core.

use actix_web::web::{Json, get, post};
use actix_web::{App, HttpServer};
use libraries::{Note, SLOW, address};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let app = || {
        App::new()
            .route("/", get().to(|| async { "hello\n" }))
            .route("/echo", post().to(|note: Json<Note>| async { note }))
            .route("/slow", get().to(slow))
    };
    HttpServer::new(app).bind(address())?.run().await
}

async fn slow() -> &'static str {
    actix_web::rt::time::sleep(SLOW).await;
    "slow\n"
}
