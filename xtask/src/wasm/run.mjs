// Runs a test binary for wasm32-unknown-unknown in node: `node run.mjs TESTS.wasm`.
//
// There is nothing to print to, and a test that fails ends the program with a trap. The
// names of the functions on the stack tell which it was, and where.
import { readFile } from "node:fs/promises";

const file = process.argv[2];
const { instance } = await WebAssembly.instantiate(await readFile(file), {});
Error.stackTraceLimit = 50;
try {
  const status = instance.exports.main(0, 0);
  console.log(`${file}: ${status === 0 ? "passed" : "failed"}`);
  process.exitCode = status;
} catch (trap) {
  const names = trap.stack.split("\n").map((line) => line.match(/at (\S+)\.wasm\.(\S+)/)?.[2] ?? line);
  console.log(`${file}: failed\n${names.join("\n")}`);
  process.exitCode = 1;
}
