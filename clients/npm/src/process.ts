/** The program as a child process: its flags, its first line, its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findBinary } from "./binary.js";
import type { components } from "./control.js";

type Schemas = components["schemas"];

/** What a simulator is started with. Whatever is left out is as on the command line. */
export interface Options {
  /** The name of a bundled scenario, a YAML file, or a scenario itself. */
  scenario?: string | Schemas["Scenario"];
  /** Which version of the API: `docs`, `v1.0`, `v1.6`, `v2.0`, `v2.1` or `v2.2`. */
  contract?: Schemas["Contract"];
  /** The seed of all chance. */
  seed?: number;
  /** `frozen`, `manual`, `running`, or a factor such as `x60`. */
  clock?: string;
  /** When the world begins: `now`, an instant in RFC 3339, or `scenario`. */
  start?: string;
  /** Options of the core, by key. */
  set?: Record<string, unknown>;
  /** No authentication, and pages from localhost may ask. */
  devMode?: boolean;
  /** Keys as the core has them: `KEY?read=user&write=admin`. */
  apiKeys?: string[];
  /** What happens to programs that bring no key. */
  externalAuth?: "none" | "grant" | "deny" | "prompt";
  /** A user interface to serve: a zip or a folder. */
  ui?: string;
  /** Its assets. */
  assets?: string;
  /** The address of the API; a free port of 127.0.0.1 unless said otherwise. */
  listen?: string;
  /** Further flags, as they are. */
  args?: string[];
  /** The program; found by itself unless said (`PORTMASTER_SIMULATOR`, the platform's package, `PATH`). */
  binary?: string;
}

/** A program that runs, and the addresses that it printed. */
export interface Running {
  child: ChildProcess;
  api: string;
  control: string;
  seed: number;
}

function flags(options: Options, folder: string): string[] {
  const flags = ["--listen", options.listen ?? "127.0.0.1:0", "--control", "127.0.0.1:0", "--ready", "json"];
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined) flags.push(`--${name}`, String(value));
  };
  if (typeof options.scenario === "object") {
    const file = join(folder, "scenario.yaml"); // JSON is YAML, too.
    writeFileSync(file, JSON.stringify(options.scenario));
    add("scenario", file);
  } else {
    add("scenario", options.scenario);
  }
  add("contract", options.contract);
  add("seed", options.seed);
  add("clock", options.clock);
  add("start", options.start);
  add("external-auth", options.externalAuth);
  add("ui", options.ui);
  add("assets", options.assets);
  for (const [key, value] of Object.entries(options.set ?? {})) add("set", `${key}=${JSON.stringify(value)}`);
  for (const key of options.apiKeys ?? []) add("api-key", key);
  if (options.devMode) flags.push("--dev-mode");
  return flags.concat(options.args ?? []);
}

/** Starts the program and waits for its first line. Rejects with what it said when it ends instead. */
export async function launch(options: Options): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "portmaster-simulator-"));
  try {
    const child = spawn(options.binary ?? findBinary(), flags(options, folder), { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-8192);
    });
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", resolve);
      child.once("error", reject);
      child.once("close", (code) => reject(new Error(`the simulator ended with status ${code}\n${said.trim()}`)));
    });
    child.stdout.resume();
    return { child, ...(JSON.parse(line) as { api: string; control: string; seed: number }) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ends the program, and waits until it has. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await gone;
}
