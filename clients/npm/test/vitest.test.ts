import { expect } from "vitest";
import { test, testWith } from "../dist/vitest.js";

test("every test has a world of its own", async ({ simulator }) => {
  await simulator.change({ network: { online: "offline" } });
  expect(await simulator.state("network/online")).toBe("offline");
});

test("and the next begins anew", async ({ simulator }) => {
  expect(await simulator.state("network/online")).toBe("online");
});

testWith({ scenario: "captive-portal" })("in another scenario", async ({ simulator }) => {
  expect(await simulator.state("network/online")).toBe("portal");
});
