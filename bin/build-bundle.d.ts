/** Builds the bundle of the current sources, unless it exists. @returns its folder; undefined if packages are not known */
export declare function buildBundle(): Promise<string | undefined>
