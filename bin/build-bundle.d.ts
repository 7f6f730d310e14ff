/** Builds the bundle of the current sources, unless it exists. @returns its folder */
export declare function buildBundle(): Promise<string>
