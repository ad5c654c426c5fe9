/**
 * The methods that single texts of an engine of `auto` may be made by: each is one of the settings that it chooses among.
 *
 * @module
 */
import { type DrafterPlan, PLAIN, type Setting, settingName } from "../speculation/mod.ts";
import { compositionOf } from "./composition.ts";
import type { DrafterName } from "./drafters/registry.ts";
import { SPECULATION_DEFAULTS } from "./options.ts";

/** The settings of `plan`, of several drafters, by the method that each is: in its usual shape where there are several. */
export function waysOf(plan: DrafterPlan): ReadonlyMap<string, Setting> {
  const ways = new Map<string, Setting>([["ar", PLAIN]]);
  for (const member of plan.members ?? []) {
    const [first] = member.settings;
    if (first.kind !== "draft") {
      ways.set(member.name, first);
      continue;
    }
    const over = (inner: Setting): Setting => {
      const drafts = member.settings.filter((one) =>
        one.kind === "draft" && settingName(one.inner) === settingName(inner)
      );
      const { minDraft } = SPECULATION_DEFAULTS.hier;
      return drafts.find((one) => one.kind === "draft" && one.minDraft === minDraft) ?? drafts[0];
    };
    ways.set("draft", over(PLAIN));
    // What proposes to a draft model is of several drafters, too.
    for (const inner of member.members?.flatMap((one) => one.members ?? []) ?? []) {
      ways.set(compositionOf("hier", inner.name as DrafterName).name, over(inner.settings[0]));
    }
  }
  return ways;
}
