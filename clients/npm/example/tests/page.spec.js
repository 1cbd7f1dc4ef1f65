import { expect, test } from "portmaster-simulator/playwright";

// Development Mode: no keys, and pages from localhost may ask. The clock stands still until a test moves it.
test.use({ simulatorOptions: { contract: "v2.2", devMode: true, clock: "manual" } });

const open = (page, simulator) => page.goto(`/?core=${simulator.url}`);

test.describe("in a hotel", () => {
  test.use({ simulatorOptions: { scenario: "captive-portal", contract: "v2.2", devMode: true, clock: "manual" } });

  test("the portal is offered until it is passed", async ({ page, simulator }) => {
    await open(page, simulator);
    await expect(page.getByRole("status")).toHaveText("This device is behind a portal.");
    await expect(page.getByRole("link")).toHaveAttribute("href", "http://login.hotel.example/");
    await simulator.clock.advance("10m");
    await expect(page.getByRole("status")).toHaveText("This device is online.");
    await expect(page.getByRole("link")).toBeHidden();
  });
});

test("a question is answered", async ({ page, simulator }) => {
  await open(page, simulator);
  const actions = [{ id: "allow", text: "Allow" }, { id: "block", text: "Block" }];
  const message = "May Firefox ask example.com?";
  await simulator.change({ notifications: { add: [{ id: "question", type: "prompt", message, actions }] } });
  const question = page.getByRole("listitem").filter({ hasText: message });
  await question.getByRole("button", { name: "Allow" }).click();
  await expect(question).toHaveCount(0);
  await simulator.journal.waitFor({ operation: "update", key: "notifications:all/*" });
});

test("a lost connection is told, and found again", async ({ page, simulator }) => {
  await open(page, simulator);
  await expect(page.getByRole("status")).toHaveText("This device is online.");
  const address = new URL(simulator.url).host;
  await simulator.stop();
  await expect(page.getByRole("status")).toContainText("No connection");
  const { Simulator } = await import("portmaster-simulator");
  const again = await Simulator.start({ contract: "v2.2", devMode: true, listen: address });
  await expect(page.getByRole("status")).toHaveText("This device is online.");
  await again.stop();
});
