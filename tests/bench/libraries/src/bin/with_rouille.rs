//! rouille, whose threads are eight for each core.

use libraries::{Note, SLOW, address};
use rouille::{Response, router, try_or_400};

fn main() {
    rouille::start_server(address(), |request| {
        router!(request,
            (GET) (/) => { Response::text("hello\n") },
            (POST) (/echo) => {
                let note: Note = try_or_400!(rouille::input::json_input(request));
                Response::json(&note)
            },
            (GET) (/slow) => {
                // The handler that waits.
                std::thread::sleep(SLOW);
                Response::text("slow\n")
            },
            _ => Response::empty_404()
        )
    });
}
