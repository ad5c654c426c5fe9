/**
 * The errors of this project. Wording: "Cannot <do X>: <the current value is Y, expected Z>".
 *
 * @module
 */

/** Any error that this project throws on purpose; `code` is stable, the message is for people. */
export class SpecMQuantError extends Error {
  /** A stable word for programs, e.g. `"checkpoint"`. */
  readonly code: string;
  /** Which of an engine's directories is at fault, where one is: `target`, `draft` or `head`; the message begins with it. */
  role?: string;

  /** Makes an error with a code and a message. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A call into the native library failed. */
export class NativeError extends SpecMQuantError {
  /** The status that the library returned, e.g. `"SMQ_LIMIT"`. */
  readonly status: string;
  /** The function that failed, e.g. `"smq_attention"`. */
  readonly op: string;

  /** Makes an error of the op `op` that returned `status`. */
  constructor(op: string, status: string, message: string) {
    super("native", `Cannot run ${op}: ${message} (${status})`);
    this.status = status;
    this.op = op;
  }
}

/** The device, or the plan for it, has too little memory. */
export class OutOfDeviceMemoryError extends SpecMQuantError {
  /** Bytes asked for. */
  readonly requested: number;
  /** Bytes free when asked. */
  readonly free: number;

  /** Makes an error for `requested` bytes where `free` are left. */
  constructor(requested: number, free: number, message: string) {
    super("out_of_memory", message);
    this.requested = requested;
    this.free = free;
  }
}

/** The library was built from other declarations than this package's. */
export class AbiMismatchError extends SpecMQuantError {
  /** Makes an error for the library at `path`. */
  constructor(path: string, found: string, expected: string) {
    super(
      "abi_mismatch",
      `Cannot use ${path}: its ABI is ${found}, expected ${expected}; build it again with "deno task build"` +
        (path.endsWith("/libspecmquant.so") ? ' and "deno task build:cuda"' : ""),
    );
  }
}

/** No library, or none that runs here. */
export class LibraryError extends SpecMQuantError {
  /** Makes an error with a message. */
  constructor(message: string, options?: ErrorOptions) {
    super("library", message, options);
  }
}

/** A file of a checkpoint is missing, malformed or does not fit. */
export class CheckpointError extends SpecMQuantError {
  /** The file, as given. */
  readonly file: string;
  /** The tensor at fault, where there is one. */
  readonly tensor?: string;

  /** Makes an error about `file`, and `tensor` in it where one is at fault. */
  constructor(file: string, message: string, tensor?: string, options?: ErrorOptions) {
    super(
      "checkpoint",
      `Cannot read ${file}${tensor === undefined ? "" : `, tensor "${tensor}"`}: ${message}`,
      options,
    );
    this.file = file;
    this.tensor = tensor;
  }
}

/** A file, a directory or a stream could not be read or written; nothing is wrong with what it holds. */
export class FileError extends SpecMQuantError {
  /** The file, as given. */
  readonly file: string;

  /** Makes an error about `file`; `verb` is what could not be done, e.g. `"write"`. */
  constructor(verb: "read" | "write", file: string, reason: string, options?: ErrorOptions) {
    super("file", `Cannot ${verb} ${file}: ${reason}`, options);
    this.file = file;
  }
}

/** A well-formed model that asks for something this project does not do. */
export class UnsupportedModelError extends SpecMQuantError {
  /** What is not supported, e.g. `"rope_scaling type longrope"`. */
  readonly feature: string;

  /** Makes an error that names the feature. */
  constructor(feature: string, message: string) {
    super("unsupported_model", `Cannot run this model: ${feature} is not supported; ${message}`);
    this.feature = feature;
  }
}

/** An argument, option or flag is out of its range. */
export class ArgumentError extends SpecMQuantError {
  /** The argument, option or flag, e.g. `"treeSize"`. */
  readonly argument: string;

  /** Makes an error that names the argument. */
  constructor(argument: string, message: string) {
    super("argument", message);
    this.argument = argument;
  }
}

/** The hub that models come from has no such repository, revision or file. */
export class HubNotFoundError extends SpecMQuantError {
  /** What was looked for, e.g. `ORG/NAME@REVISION`. */
  readonly subject: string;

  /** Makes an error about `subject`. */
  constructor(subject: string, reason: string) {
    super("hub_not_found", `Cannot fetch ${subject}: ${reason}`);
    this.subject = subject;
  }
}

/** The hub that models come from does not let this account, or nobody without one, have something. */
export class HubAccessError extends SpecMQuantError {
  /** What was asked for, e.g. `ORG/NAME@REVISION`. */
  readonly subject: string;

  /** Makes an error about `subject`. */
  constructor(subject: string, reason: string) {
    super("hub_access", `Cannot fetch ${subject}: ${reason}`);
    this.subject = subject;
  }
}

/** The hub that models come from, or where it keeps its files, gives no answer, or none that makes sense. */
export class HubUnreachableError extends SpecMQuantError {
  /** The host that was asked. */
  readonly host: string;

  /** Makes an error about `host`, asked for `subject`. */
  constructor(subject: string, host: string, reason: string) {
    super("hub_unreachable", `Cannot fetch ${subject} from ${host}: ${reason}`);
    this.host = host;
  }
}

/** What came is not what was promised: other bytes, more, or fewer. Nothing of it is kept under its name. */
export class IntegrityError extends SpecMQuantError {
  /** The file, as the repository names it. */
  readonly file: string;

  /** Makes an error about `file` of `subject`. */
  constructor(subject: string, file: string, reason: string) {
    super("integrity", `Cannot take ${file} of ${subject}: ${reason}`);
    this.file = file;
  }
}
