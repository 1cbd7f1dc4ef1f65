import assert from "node:assert/strict";
import { test } from "node:test";
import { Simulator, SimulatorError } from "../dist/index.js";

async function start(t, options) {
  const simulator = await Simulator.start(options);
  t.after(() => simulator.stop());
  return simulator;
}

test("answers, changes, tells what was asked, and is gone", async () => {
  const simulator = await Simulator.start({ contract: "v2.2", clock: "manual", seed: 7, devMode: true });
  const answer = await fetch(`${simulator.url}/api/v1/ping`);
  assert.equal(await answer.text(), "Pong.\n");
  assert.equal(simulator.seed, 7);

  await simulator.change({ network: { online: "offline" } });
  assert.equal(await simulator.state("network/online"), "offline");
  await simulator.patch({ network: { online: "portal" } });
  assert.equal(await simulator.state("network/online"), "portal");

  const before = new Date(await simulator.clock.now());
  const after = new Date(await simulator.clock.advance("5m"));
  assert.equal(after - before, 300_000);

  await simulator.journal.waitFor({ path: "ping" });
  const entries = await simulator.journal.entries({ path: "ping" });
  assert.equal(entries.length, 1);
  await simulator.stop();
  await simulator.stop();
  await assert.rejects(fetch(`${simulator.url}/api/v1/ping`));
});

test("a world is kept and put back, and equal worlds have equal fingerprints", async (t) => {
  const simulator = await start(t);
  const before = await simulator.fingerprint();
  const restore = await simulator.snapshot("calm");
  await simulator.change({ network: { online: "offline" } });
  assert.notEqual(await simulator.fingerprint(), before);
  await restore();
  assert.equal(await simulator.fingerprint(), before);
  await simulator.load("captive-portal");
  assert.equal(await simulator.state("network/online"), "portal");
  await simulator.reset();
});

test("faults come and go", async (t) => {
  const simulator = await start(t);
  const mend = await simulator.fault({ when: { path: "ping" }, effect: { status: 503 } });
  assert.equal((await fetch(`${simulator.url}/api/v1/ping`)).status, 503);
  await mend();
  assert.equal((await fetch(`${simulator.url}/api/v1/ping`)).status, 200);
});

test("mistakes say what is wrong", async (t) => {
  await assert.rejects(Simulator.start({ scenario: "nowhere" }), /status 2[^]*nowhere/);
  await assert.rejects(Simulator.start({ binary: "/does/not/exist" }), /ENOENT/);
  const simulator = await start(t);
  await assert.rejects(simulator.change({ netwerk: {} }), (error) => {
    assert.ok(error instanceof SimulatorError);
    assert.equal(error.status, 400);
    assert.match(error.message, /netwerk/);
    return true;
  });
  await assert.rejects(simulator.journal.waitFor({ path: "dns/clear" }, { timeout: "0s" }), /expected 1, found 0/);
});

test("a scenario may be an object", async (t) => {
  const simulator = await start(t, {
    scenario: { name: "mine", about: "Mine.", extends: "home-office", network: { online: "limited" } },
  });
  assert.equal(await simulator.state("network/online"), "limited");
});
