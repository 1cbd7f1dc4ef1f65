// Writes src/control.ts: the control plane's types, from the document that a simulator serves.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import openapiTS, { astToString } from "openapi-typescript";

const binary = process.env.PORTMASTER_SIMULATOR ?? "portmaster-simulator";
const child = spawn(binary, ["--listen", "127.0.0.1:0", "--ready", "json"], { stdio: ["ignore", "pipe", "inherit"] });
child.on("error", (error) => {
  console.error(`${binary} cannot be started (${error.message}): set PORTMASTER_SIMULATOR to the program`);
  process.exit(1);
});
createInterface({ input: child.stdout }).once("line", async (line) => {
  const types = await openapiTS(new URL("/openapi.json", JSON.parse(line).control));
  writeFileSync(new URL("../src/control.ts", import.meta.url), astToString(types));
  child.kill();
});
