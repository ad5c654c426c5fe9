/**
 * A model as the API describes it.
 *
 * @module
 */

/** What is served, with extensions: the longest text in tokens, and how tokens are proposed. */
export interface ModelAnswer {
  /** What clients call it. */
  readonly id: string;
  /** Always `model`. */
  readonly object: "model";
  /** When it was loaded, in seconds since 1970. */
  readonly created: number;
  /** Whose it is: nobody in particular's. */
  readonly owned_by: string;
  /** The longest text, prompt included. */
  readonly max_model_len: number;
  /** How tokens are proposed. */
  readonly method: string;
  /** How they may be, where a request says so. */
  readonly methods: readonly string[];
}

/** What is needed of a service. */
export interface Served {
  /** What clients call it. */
  readonly model: string;
  /** When it was loaded, in seconds since 1970. */
  readonly created: number;
  /** What serves it. */
  readonly engine: {
    readonly context: number;
    readonly method: string;
    readonly textMethods: readonly string[];
  };
}

/** The model of a service. */
export function modelOf({ model, created, engine }: Served): ModelAnswer {
  const { context, method, textMethods: methods } = engine;
  return {
    id: model,
    object: "model",
    created,
    owned_by: "specmquant",
    max_model_len: context,
    method,
    methods,
  };
}
