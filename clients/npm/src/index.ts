/** A simulated Portmaster core for tests and user interfaces: started, moved, asked what it saw, stopped. */
import type { ChildProcess } from "node:child_process";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./control.js";
import { end, launch, type Options } from "./process.js";

export type { components, paths } from "./control.js";
export type { Options } from "./process.js";
export { findBinary } from "./binary.js";

type Schemas = components["schemas"];
/** Something that happens, in the words of a scenario's timeline. */
export type Change = Schemas["Change"];
/** What an entry of the journal must be like. */
export type Filter = Schemas["Filter"];
/** Something that goes wrong from now on. */
export type Fault = Schemas["Fault"];
/** An entry of the journal. */
export type Entry = Schemas["Entry"];

/** The control plane refused, with its reasons. */
export class SimulatorError extends Error {
  override name = "SimulatorError";
  /** The HTTP status. */
  readonly status: number;
  /** All that the answer said. */
  readonly problem: unknown;
  constructor(status: number, problem: unknown) {
    const detail = (problem as { detail?: string } | undefined)?.detail;
    super(detail ?? `the control plane answered ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

async function need<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked;
  if (!response.ok) throw new SimulatorError(response.status, error);
  return data as T;
}

/** One simulator, in a process of its own. */
export class Simulator {
  /** The address of the API, `http://127.0.0.1:…`. */
  readonly url: string;
  /** The address of the control plane. */
  readonly controlUrl: string;
  /** The seed of all chance. */
  readonly seed: number;
  /** The control plane, typed after its OpenAPI document: for all that has no method here. */
  readonly control: Client<paths>;
  readonly #child: ChildProcess;
  readonly #atExit = () => this.#child.kill("SIGKILL");

  private constructor({ api, control, seed, child }: Awaited<ReturnType<typeof launch>>) {
    this.url = api;
    this.controlUrl = control;
    this.seed = seed;
    this.control = createClient<paths>({ baseUrl: control });
    this.#child = child;
    process.once("exit", this.#atExit);
  }

  /** Starts a simulator; it accepts connections when this resolves. */
  static async start(options: Options = {}): Promise<Simulator> {
    return new Simulator(await launch(options));
  }

  /** Ends it. Stopping twice is stopping once. */
  async stop(): Promise<void> {
    process.removeListener("exit", this.#atExit);
    await end(this.#child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Something happens now: all of it, or nothing. */
  async change(change: Change): Promise<void> {
    await need(this.control.POST("/changes", { body: change }));
  }

  /** The world in the words of scenarios, whole or below a path such as `network/online`. */
  async state<T = unknown>(path = ""): Promise<T> {
    // A path of several segments is several segments of the address, which a template would escape.
    const response = await fetch(`${this.controlUrl}/state${path && `/${path}`}`);
    const body = (await response.json()) as T;
    if (!response.ok) throw new SimulatorError(response.status, body);
    return body;
  }

  /** Changes the state by a JSON Merge Patch; `null` takes away. */
  async patch(patch: Schemas["StatePatch"]): Promise<void> {
    await need(this.control.PATCH("/state", { body: patch }));
  }

  /** Begins another world; clients stay connected. */
  async load(scenario: string | Schemas["Scenario"]): Promise<void> {
    const body = typeof scenario === "string" ? { name: scenario } : { scenario };
    await need(this.control.PUT("/scenario", { body: body as Schemas["Load"] }));
  }

  /** Everything as at the beginning: world, clock, rules, faults, journal. */
  async reset(): Promise<void> {
    await need(this.control.POST("/reset"));
  }

  /** Something goes wrong from now on. Resolves to what takes it back. */
  async fault(fault: Fault): Promise<() => Promise<void>> {
    const { index } = await need(this.control.POST("/faults", { body: fault }));
    return async () => {
      await need(this.control.DELETE("/faults/{index}", { params: { path: { index: String(index) } } }));
    };
  }

  /** Keeps the world as it is. Resolves to what puts it back. */
  async snapshot(name?: string): Promise<() => Promise<void>> {
    const { id } = await need(this.control.POST("/snapshots", { body: name === undefined ? {} : { name } }));
    return async () => {
      await need(this.control.POST("/snapshots/{id}/restore", { params: { path: { id } } }));
    };
  }

  /** The digest of the world: equal worlds have equal ones. */
  async fingerprint(): Promise<string> {
    return (await need(this.control.GET("/fingerprint"))).fingerprint;
  }

  /** The world's clock. */
  readonly clock = {
    /** The world's instant, in RFC 3339. */
    now: async (): Promise<string> => (await need(this.control.GET("/clock"))).now,
    /** Moves the clock on by a span such as `5m`; what is due on the way happens first. */
    advance: async (by: string): Promise<string> =>
      (await need(this.control.POST("/clock/advance", { body: { by } }))).now,
    /** `frozen`, `manual`, `running`, or a factor such as `x60`. */
    set: async (mode: string): Promise<void> => {
      await need(this.control.PATCH("/clock", { body: { mode } }));
    },
  };

  /** What clients asked and were told. */
  readonly journal = {
    /** The entries that fit, oldest first. */
    entries: async (query: paths["/journal"]["get"]["parameters"]["query"] = {}): Promise<Entry[]> =>
      (await need(this.control.GET("/journal", { params: { query } }))).entries as Entry[],
    /** Waits until `count` entries fit. Rejects with the near misses when they do not in time. */
    waitFor: async (match: Filter, { count = 1, timeout = "5s" } = {}): Promise<void> => {
      await need(this.control.POST("/journal/wait", { body: { match, count, timeout } }));
    },
    /** Forgets what was recorded; numbers go on. */
    clear: async (): Promise<void> => {
      await need(this.control.DELETE("/journal"));
    },
  };
}
