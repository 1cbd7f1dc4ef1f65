#!/usr/bin/env node
/** `npx portmaster-simulator …` is the program itself. */
import { spawn } from "node:child_process";
import { findBinary } from "./binary.js";

const child = spawn(findBinary(), process.argv.slice(2), { stdio: "inherit" });
// Ctrl-C reaches the program by itself; it says when it is done.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(signal ? 130 : (code ?? 1)));
