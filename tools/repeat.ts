import { type RunnerTestCase, TestRunner } from "vitest";

const TIMES = 50;

/** Runs each test again and again; one failure fails it. */
export default class extends TestRunner {
  override onBeforeRunTask(test: RunnerTestCase): Promise<void> {
    test.repeats = TIMES - 1;
    return super.onBeforeRunTask(test);
  }
}
