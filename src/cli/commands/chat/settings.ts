/**
 * How answers are made, as a chat can change it.
 *
 * @module
 */
import { checkOptions } from "../../../base/options.ts";
import type { ChoiceOptions } from "../../../engine/mod.ts";
import { CHOICE_KINDS } from "../../../speculation/mod.ts";
import type { NumberOption, Values } from "../../options/option.ts";
import { valueOf } from "../../options/option_value.ts";
import { CHOICE_OPTIONS, choiceOf } from "../../options/sampling.ts";
import { UsageError } from "../../options/usage_error.ts";

/** Most tokens of an answer. */
export const MAX_TOKENS_OPTION: NumberOption & { readonly name: "max-tokens" } = {
  name: "max-tokens",
  short: "n",
  type: "integer",
  value: "N",
  min: 1,
  summary: "Most tokens of an answer; what is left of the context where absent",
};

/** The options that a chat can change, by the names that its commands have, too. */
export const SETTINGS = [...CHOICE_OPTIONS, MAX_TOKENS_OPTION] as const;

/** The name of a setting. */
export type SettingName = typeof SETTINGS[number]["name"];

/** Values of the settings; those that are not given come from elsewhere. */
export class Settings {
  #values: Partial<Values<typeof SETTINGS>>;

  /** Settings of a command line. */
  constructor(values: Partial<Values<typeof SETTINGS>>) {
    this.#values = Object.fromEntries(SETTINGS.map(({ name }) => [name, values[name]]));
    checkOptions("chat", this.choice, CHOICE_KINDS);
  }

  /** How tokens are chosen, as far as it is given. */
  get choice(): ChoiceOptions {
    return choiceOf(this.#values);
  }

  /** Most tokens of an answer, where that is given. */
  get maxTokens(): number | undefined {
    return this.#values["max-tokens"];
  }

  /** A value as text; undefined where it is not given. */
  show(name: SettingName): string | undefined {
    const value: unknown = this.#values[name];
    if (typeof value !== "object" || value === null) return value?.toString();
    return Object.entries(value).map((pair) => pair.join("=")).join(",");
  }

  /** Sets a value from text, `off` for none. A `UsageError` or an `ArgumentError` for one that cannot be; nothing has changed then. */
  set(name: SettingName, text: string): void {
    const option = SETTINGS.find((one) => one.name === name)!;
    const before = this.#values;
    try {
      const value = text === "off" ? undefined : valueOf(option, [text]);
      this.#values = { ...before, [name]: value };
      checkOptions("chat", this.choice, CHOICE_KINDS);
    } catch (error) {
      this.#values = before;
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError(error.message.replaceAll(`--${name}`, `/${name}`));
    }
  }
}
