/** Where the bundle is. */
export declare const generated: string
/** @returns the text that it should have. */
export declare function bundle(): Promise<string>
