//! QMP, QEMU's control protocol: one line of JSON for each message.

use anyhow::bail;
use serde_json::{Value, json};

use super::socket::Socket;

pub(super) struct Qmp(Socket);

impl Qmp {
    /// Reads QEMU's greeting, and enables commands.
    pub(super) fn new(socket: Socket) -> anyhow::Result<Self> {
        let mut qmp = Self(socket);
        qmp.0.line()?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Executes `command` and waits until it is done.
    pub(super) fn execute(&mut self, command: &str, arguments: &Value) -> anyhow::Result<()> {
        let request = json!({ "execute": command, "arguments": arguments });
        self.0.send(format!("{request}\n").as_bytes())?;
        loop {
            let answer: Value = serde_json::from_str(&self.0.line()?)?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU refuses {request}: {error}");
            }
            // Neither an error nor a return: an event, which does not matter here.
            if answer.get("return").is_some() {
                return Ok(());
            }
        }
    }

    /// Sets `property` of the device `id`.
    pub(super) fn set(&mut self, id: &str, property: &str, value: Value) -> anyhow::Result<()> {
        let path = format!("/machine/peripheral/{id}");
        self.execute("qom-set", &json!({ "path": path, "property": property, "value": value }))
    }
}
