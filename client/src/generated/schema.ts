// Written by npm run client:types from openapi.json; do not edit.

export interface paths {
    "/admin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Leads a browser to the console. */
        get: operations["openConsole"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/badges/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the keys for badges. */
        get: operations["listBadgeTokens"];
        put?: never;
        /** Creates a key for badges of one component, or of all of a client. */
        post: operations["createBadgeToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/badges/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revokes a key for badges. */
        delete: operations["revokeBadgeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/clients-environments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists clients and their environments, with the state of their slaves.
         * @description Only on a master; other modes answer 404.
         */
        get: operations["listClientEnvironments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/collect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Starts a collection of what the cluster runs. */
        post: operations["startCollection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/collect/{namespace}/{kind}/{workload}/{container}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Records by hand which image a container runs. */
        put: operations["recordRelease"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/collect/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sends the changes of a slave to its master.
         * @description Only on a master; other modes answer 404.
         */
        post: operations["pushReleases"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the mode of the release tracker and what the caller's key may do. */
        get: operations["getTrackerConfig"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/ping": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tells a master that a slave works.
         * @description Only on a master; other modes answer 404.
         */
        post: operations["sendPing"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/releases/compare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Compares what two environments run. */
        get: operations["compareEnvironments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/releases/current": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists what runs now, or ran at a time, by namespace. */
        get: operations["listCurrentReleases"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/releases/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Streams the releases of a client as they are seen. */
        get: operations["watchReleases"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/releases/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Finds where and when an image ran. */
        get: operations["searchReleaseHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/releases/history/{client}/{env}/{namespace}/{workload}/{container}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the images that a container ran, newest first. */
        get: operations["getComponentHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Exchanges a user name and password for a JWT. */
        post: operations["signIn"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends the session, or revokes the JWT, with which the caller is signed in. */
        post: operations["signOut"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the caller's account. */
        get: operations["getOwnAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Changes the caller's password and ends all other sessions and JWTs. */
        post: operations["changeOwnPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the caller's API tokens. */
        get: operations["listTokens"];
        put?: never;
        /** Creates an API token of the caller. */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revokes an API token of the caller. */
        delete: operations["revokeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/maintenance-windows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists maintenance windows, newest first. */
        get: operations["listMaintenanceWindows"];
        put?: never;
        /** Creates a maintenance window, which uptime does not count. */
        post: operations["createMaintenanceWindow"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/maintenance-windows/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Deletes a maintenance window. */
        delete: operations["deleteMaintenanceWindow"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/orchestrators": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the nodes of the bridge. */
        get: operations["listNodes"];
        put?: never;
        /** Adds a node, which is polled from the next cycle on. */
        post: operations["addNode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/orchestrators/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows a node. */
        get: operations["getNode"];
        put?: never;
        post?: never;
        /** Deactivates a node; its history stays. */
        delete: operations["deactivateNode"];
        options?: never;
        head?: never;
        /** Changes a node. */
        patch: operations["updateNode"];
        trace?: never;
    };
    "/api/v1/orchestrators/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the samples of a node, newest first, as JSON or CSV. */
        get: operations["getNodeHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/orchestrators/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Streams the state of the bridge: the present one, then each new one. */
        get: operations["watchBridgeStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/orchestrators/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the state of the bridge and of each node. */
        get: operations["getBridgeStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/orchestrators/status/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the state of the bridge without its nodes. */
        get: operations["getBridgeStatusSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/orchestrators/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the same as `/api/v1/orchestrators/status/summary`. */
        get: operations["getBridgeSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/statistics/bridge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counts the online nodes of the bridge over time. */
        get: operations["getBridgeStatistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/statistics/networks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Sums the requests that waited for a signature, by network. */
        get: operations["getNetworkStatistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/statistics/uptime": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Computes the uptime of the bridge and of its nodes, without maintenance. */
        get: operations["getUptimeStatistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists users. */
        get: operations["listUsers"];
        put?: never;
        /** Creates a user. */
        post: operations["createUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows a user. */
        get: operations["getUser"];
        put?: never;
        post?: never;
        /** Deactivates a user and ends its sessions; the account stays. */
        delete: operations["deactivateUser"];
        options?: never;
        head?: never;
        /** Changes a user. */
        patch: operations["updateUser"];
        trace?: never;
    };
    "/api/v1/users/{id}/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the API tokens of a user. */
        get: operations["listUserTokens"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/tokens/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revokes an API token of a user. */
        delete: operations["revokeUserToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ws/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Opens a WebSocket that receives the state of the bridge: the present one, then each new one.
         * @description Browsers send the token as `?token=`, or in the subprotocol `authorization.bearer.<token>` beside
         *     `capstan.v1`. The server answers the text `ping` with `{"type":"pong"}` and repeats any other text.
         */
        get: operations["openBridgeStatusSocket"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/cloudflare/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Checks that a Cloudflare token is valid and has the required scopes. */
        post: operations["verifyCloudflareToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/github-app/token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Creates a token of a GitHub App's installation. */
        post: operations["createGitHubToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/badges/{key}/{client}/{env}/{kind}/{workload}/{container}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Draws a badge with the version that a container runs.
         * @description The key in the path is the permission. A fault is shown on the badge and in `Capstan-Badge-Problem`. With
         *     `.json` after the container's name, the answer is an endpoint of shields.io.
         */
        get: operations["getBadge"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists deployments, newest first. */
        get: operations["listDeployments"];
        put?: never;
        /**
         * Starts the deployment of a plan.
         * @description A repeat for a plan whose deployment has started answers with that deployment.
         */
        post: operations["createDeployment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancels a running deployment. */
        post: operations["cancelDeployment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Streams the log of a deployment, or reads a page of it.
         * @description Send `Accept: application/json` for a page. The stream ends with the event `end`.
         */
        get: operations["readDeploymentLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Runs the failed step of a deployment again, and the steps after it. */
        post: operations["retryDeployment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/{id}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Rolls an app back from its newest deployment. */
        post: operations["rollBackDeployment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/{id}/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the state and the progress of a deployment. */
        get: operations["getDeploymentStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/apps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the newest deployment of each app in each environment. */
        get: operations["listApps"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/apps/{app}/{environment}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Deletes an app with all its data in one environment. */
        delete: operations["deleteApp"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/apps/{app}/{environment}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Reads the last log lines of an app's Worker. */
        get: operations["readAppLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/apps/{app}/{environment}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows what a rollback of an app would do. */
        get: operations["previewAppRollback"];
        put?: never;
        /** Rolls an app back to the version that served before. */
        post: operations["rollBackApp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/apps/{app}/{environment}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the versions of an app, which of them serve, and whether it can be rolled back. */
        get: operations["listAppVersions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/blobs/{digest}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Stores a content under its SHA-256, for plans that refer to it. */
        put: operations["uploadBlob"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/blobs/missing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lists which contents the server does not have yet. */
        post: operations["findMissingBlobs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/environments/{environment}/credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows whether an environment has credentials; never the credentials themselves. */
        get: operations["getStoredCredentials"];
        /** Stores the credentials of an environment after checking them. */
        put: operations["storeCredentials"];
        post?: never;
        /** Deletes the stored credentials of an environment. */
        delete: operations["deleteStoredCredentials"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counts the deployments, their durations and their errors of the last hours. */
        get: operations["getDeploymentMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/prepare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Checks what is to be deployed and makes a plan of it, without changing anything. */
        post: operations["prepareDeployment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deploy/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Checks a Cloudflare token and account without storing them. */
        post: operations["validateCredentials"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows the reference of the API to a browser.
         * @description A browser that is not signed in is led to the sign-in page.
         */
        get: operations["showReference"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Reads a script or a style of the reference. */
        get: operations["readReferenceFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/download/{version}/{platform}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Issues a link to a file of a release, or leads to it with `redirect=1`. */
        get: operations["getDownloadLink"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows whether the service works, and why not. */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/deployment": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows whether the services that deployments depend on work. */
        get: operations["getDeploymentHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows whether this process takes requests. */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists jobs, newest first. */
        get: operations["listJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows a job. */
        get: operations["getJob"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancels a job.
         * @description A job that runs is asked to stop: it ends as `cancelled` a little later.
         */
        post: operations["cancelJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Streams the events of a job.
         * @description The stream ends with the event `end`, unless the job was run again since.
         */
        get: operations["watchJob"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Runs a failed or cancelled job again. */
        post: operations["retryJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the sign-in page to a browser. */
        get: operations["showSignInPage"];
        put?: never;
        /**
         * Signs a browser in and starts its session.
         * @description A browser that sent a form gets the page again with the error, in place of the error envelope.
         */
        post: operations["submitSignInPage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends the session of a browser. */
        post: operations["signOutOfBrowser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows this document. */
        get: operations["getOpenApiDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/release-store/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Downloads a file of the built-in store by a signed link.
         * @description The link is the permission. Ranges and conditional requests are supported.
         */
        get: operations["readStoredFile"];
        /**
         * Sends the bytes of a file, or of a part of it, to the built-in store by a signed link.
         * @description The link is the permission.
         */
        put: operations["writeStoredFile"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists published releases, newest first. */
        get: operations["listReleases"];
        put?: never;
        /** Creates the draft of a release, or changes it. */
        post: operations["createDraft"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows a published release. */
        get: operations["getRelease"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/{version}/downloads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counts the download links of a release. */
        get: operations["countReleaseDownloads"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/{version}/draft": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows a draft and its files. */
        get: operations["getDraft"];
        put?: never;
        post?: never;
        /** Discards a draft and its files. */
        delete: operations["discardDraft"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/{version}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Declares a file of a draft and returns the links to which its bytes are sent.
         * @description Repeat it after sending the bytes, or after an interruption: it returns what is missing.
         */
        post: operations["requestUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/{version}/promote": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes a release the latest of a channel. */
        post: operations["promoteRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/{version}/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Publishes a draft whose files have all arrived. */
        post: operations["publishRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/{version}/signature": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the signature of a release. */
        get: operations["getReleaseSignature"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/{version}/yank": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Withdraws a release, so that no new download of it begins. */
        post: operations["yankRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the public keys with which releases are signed. */
        get: operations["listSigningKeys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/latest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the latest release of a channel. */
        get: operations["getLatestRelease"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/releases/updates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Finds the release to which a client should update. */
        get: operations["findUpdate"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AddNodeBody: {
            ip_address: string;
            name: string & (unknown & unknown);
            pubkey?: string | null;
            rpc_port?: number;
        };
        AnswerMetadata: {
            correlationId: string;
            /** Format: date-time */
            timestamp: string;
            version: string;
        };
        ApiToken: {
            /** Format: date-time */
            created_at: string;
            expires_at: string | null;
            /** Format: uuid */
            id: string;
            is_revoked: boolean;
            last_used_at: string | null;
            name: string;
            /** @description The permissions that the credential is limited to; null: those of its user */
            scopes: ("releases:read" | "releases:publish" | "tracker:read" | "tracker:write" | "orchestrators:read" | "orchestrators:write" | "deployments:read" | "deployments:write:staging" | "deployments:write:production" | "jobs:read" | "jobs:write" | "accounts:admin" | "console:admin")[] | null;
        };
        ApiTokenList: {
            tokens: components["schemas"]["ApiToken"][];
            total: number;
        };
        AppList: {
            apps: components["schemas"]["DeploymentSummary"][];
        };
        AppLog: {
            logs: {
                level: string;
                text: string;
                time: string;
            }[];
        };
        AppVersion: {
            /** @description Whether the cloud can make it serve */
            available: boolean | null;
            createdAt: string | null;
            /** @description The deployment that made the version */
            deploymentId: string | null;
            digest: string | null;
            id: string;
            /** @enum {string} */
            madeBy: "capstan" | "outside";
            percentage: number | null;
            /** @enum {string} */
            state: "serving" | "previous" | "rolled_back" | "quarantined";
        };
        AppVersions: {
            rollback: components["schemas"]["PossibleRollback"];
            /** @description The versions that serve; null if the cloud could not be read */
            serving: components["schemas"]["ServingShare"][] | null;
            servingUnknown: string | null;
            versions: components["schemas"]["AppVersion"][];
        };
        BadgeEndpoint: {
            color: string;
            isError: boolean;
            label: string;
            message: string;
            /** @constant */
            schemaVersion: 1;
        };
        BadgeToken: {
            client_name: string;
            container_name?: string;
            /** Format: date-time */
            created_at: string;
            env_name?: string;
            /** Format: uuid */
            id: string;
            namespace?: string | null;
            workload_group?: string;
            workload_kind?: string;
            workload_name?: string;
        };
        BadgeTokenList: {
            tokens: components["schemas"]["BadgeToken"][];
        };
        BatchItemResult: {
            fields?: {
                path: string;
                problem: string;
            }[];
            index: number;
            /** @description For a conflict: what is recorded for that time */
            interval?: {
                /** Format: date-time */
                first_seen: string;
                id: string;
                image_sha: string | null;
                image_tag: string;
                /** Format: date-time */
                last_seen: string;
            };
            /** @enum {string} */
            status: "stored" | "unchanged" | "conflict" | "invalid" | "duplicate";
        };
        BindingReturn: {
            disappearing: {
                kind: string;
                name: string;
            }[];
            returning: {
                kind: string;
                name: string;
            }[];
            reverting: {
                kind: string;
                name: string;
            }[];
        };
        BridgeStatistics: {
            avg_online_count: number | null;
            data_points: {
                is_bridge_online: boolean | null;
                max_online_count: number | null;
                min_online_count: number | null;
                online_count: number | null;
                online_ratio: number | null;
                /** Format: date-time */
                timestamp: string;
                total_count: number | null;
            }[];
            max_online_count: number | null;
            min_online_count: number | null;
            /** Format: date-time */
            period_end: string;
            /** Format: date-time */
            period_start: string;
        };
        BridgeStatus: {
            /** @enum {string} */
            bridge_status: "online" | "offline";
            min_required: number;
            online_count: number;
            orchestrators: components["schemas"]["NodeStatus"][];
            signals: {
                backlog: string;
                /** @constant */
                kind: "backlog_diverged";
                network: string;
                since: string;
            }[];
            /** @description True if no cycle has ended for twice the interval */
            stale: boolean;
            /** Format: date-time */
            timestamp: string;
            total_count: number;
        };
        BridgeStatusEvent: {
            data: components["schemas"]["InitialStatusMessage"];
            /** @constant */
            event: "initial_status";
            id: string;
        } | {
            data: components["schemas"]["StatusUpdateMessage"];
            /** @constant */
            event: "status_update";
            id: string;
        };
        BridgeStatusMessage: components["schemas"]["InitialStatusMessage"] | components["schemas"]["StatusUpdateMessage"] | {
            /** @constant */
            type: "pong";
        } | {
            message: string;
            /** @constant */
            type: "echo";
        };
        BridgeSummary: {
            /** @enum {string} */
            bridge_status: "online" | "offline";
            min_required: number;
            online_count: number;
            signals: {
                backlog: string;
                /** @constant */
                kind: "backlog_diverged";
                network: string;
                since: string;
            }[];
            /** @description True if no cycle has ended for twice the interval */
            stale: boolean;
            /** Format: date-time */
            timestamp: string;
            total_count: number;
        };
        /** @default {} */
        CancelDeploymentBody: Record<string, never>;
        CancelledDeployment: {
            /** @constant */
            cancelRequested: true;
            /** Format: uuid */
            deploymentId: string;
            /** Format: uuid */
            jobId: string;
        };
        ChangeOwnPasswordBody: {
            current_password: string;
            new_password: string;
        };
        ClientEnvironments: {
            clients_environments: {
                [key: string]: string[];
            };
            ping_statuses: {
                [key: string]: {
                    [key: string]: {
                        /** @constant */
                        status: "never";
                    } | {
                        clock_skew_seconds: number | null;
                        /** Format: date-time */
                        last_ping: string;
                        slave_version: string | null;
                        /** @enum {string} */
                        status: "online" | "warning" | "offline";
                    };
                };
            };
            statistics: {
                total_clients: number;
                total_environments: number;
                total_releases: number;
            };
            /** Format: date-time */
            timestamp: string;
            waiting_releases: {
                [key: string]: {
                    [key: string]: components["schemas"]["WaitingReleases"];
                };
            };
        };
        ComparedContainer: {
            container_name: string;
            differs: ("image_tag" | "image_sha")[];
            left: components["schemas"]["ComparedImage"] | null;
            namespace: string;
            right: components["schemas"]["ComparedImage"] | null;
            /** @description The API group, for kinds that are not Kubernetes’ own */
            workload_group?: string;
            workload_kind: string;
            workload_name: string;
        };
        ComparedImage: {
            /** Format: date-time */
            first_seen: string;
            image_name: string;
            image_repo: string;
            image_sha: string | null;
            image_tag: string;
            /** Format: date-time */
            last_seen: string;
        };
        ComponentHistory: {
            component: {
                client_name: string;
                container_name: string;
                env_name: string;
                namespace: string;
                workload_name: string;
            };
            next_cursor: string | null;
            releases: components["schemas"]["PastRelease"][];
            /** Format: date-time */
            timestamp: string;
            total: number;
        };
        CostEstimate: {
            /** @constant */
            currency: "USD";
            details: {
                asOf: string;
                assumptions: string[];
                parts: {
                    [key: string]: number;
                };
            };
            monthly: number;
        };
        CreateBadgeTokenBody: {
            client_name: string;
            container_name: string;
            env_name: string;
            namespace?: string;
            workload_kind: string;
            workload_name: string;
        } | {
            client_name: string;
        };
        CreateDeploymentBody: {
            /** Format: uuid */
            deploymentId: string;
            /** @enum {string} */
            environment: "staging" | "production";
            /** @default {} */
            options?: {
                /** @default false */
                dryRun?: boolean;
                /** @default false */
                force?: boolean;
                /** @default 3 */
                maxRetries?: number;
                /** @default true */
                rollbackOnFailure?: boolean;
                traffic?: {
                    everySeconds: number;
                    steps: number[];
                };
            };
        };
        CreateDraftBody: {
            /** @enum {string} */
            channel: "stable" | "beta";
            notes?: string;
            platforms?: string[];
            version: string;
        };
        CreateGitHubTokenBody: {
            installationId: string;
            permissions: {
                /** @enum {string} */
                actions?: "read" | "write";
                /** @enum {string} */
                checks?: "read" | "write";
                /** @enum {string} */
                contents?: "read" | "write";
                /** @enum {string} */
                deployments?: "read" | "write";
                /** @enum {string} */
                issues?: "read" | "write";
                /** @constant */
                metadata?: "read";
                /** @enum {string} */
                packages?: "read" | "write";
                /** @enum {string} */
                pull_requests?: "read" | "write";
                /** @enum {string} */
                statuses?: "read" | "write";
            };
        };
        CreateMaintenanceWindowBody: {
            /** Format: date-time */
            from: string;
            node_ids?: number[];
            reason: string & (unknown & unknown);
            /** @enum {string} */
            scope: "all" | "nodes";
            /** Format: date-time */
            to: string;
        };
        CreateTokenBody: {
            expires_at?: string | null;
            name: string;
            scopes?: ("releases:read" | "releases:publish" | "tracker:read" | "tracker:write" | "orchestrators:read" | "orchestrators:write" | "deployments:read" | "deployments:write:staging" | "deployments:write:production" | "jobs:read" | "jobs:write" | "accounts:admin" | "console:admin")[] | null;
        };
        CreateUserBody: {
            email: string & (unknown & unknown);
            /** @default false */
            is_admin?: boolean;
            password: string;
            rate_limit_burst?: number | null;
            rate_limit_per_second?: number | null;
            username: string & (unknown & unknown);
        };
        CredentialInspection: {
            accountInfo: {
                id: string;
                name: string | null;
                /** @enum {string} */
                source: "account" | "subscriptions" | "zones" | "assumed";
                /** @enum {string} */
                type: "free" | "pro" | "business" | "enterprise";
            };
            permissions: {
                /** @description Null if it is unknown */
                containers: boolean | null;
                /** @description Null if it is unknown */
                durableObjects: boolean | null;
                /** @description Null if it is unknown */
                workers: boolean | null;
            };
            /** @description The names of the values that are unknown */
            unknown: string[];
            /** @constant */
            valid: true;
            /** @description Null if it is unknown */
            workersPaid: boolean | null;
        };
        CurrentRelease: {
            client_name: string;
            container_name: string;
            env_name: string;
            /** Format: date-time */
            first_seen: string;
            image_name: string;
            image_repo: string;
            image_sha: string | null;
            image_tag: string;
            /** @description The images of the ready pods */
            images: {
                image_sha: string | null;
                image_shas?: string[];
                image_tag: string;
                pods: number;
            }[] | null;
            /** Format: date-time */
            last_seen: string;
            namespace: string;
            pods: number | null;
            state: ("current" | "progressing" | "degraded" | "scaled-to-zero") | null;
            /** @description The API group, for kinds that are not Kubernetes’ own */
            workload_group?: string;
            workload_name: string;
            workload_type: string;
        };
        CurrentReleases: {
            namespaces: {
                [key: string]: components["schemas"]["CurrentRelease"][];
            };
            next_cursor: string | null;
            ordered_namespaces: string[];
            /** Format: date-time */
            timestamp: string;
            total: number;
        };
        DeleteAppBody: {
            confirm: string;
        };
        Deployment: {
            appName: string;
            /** Format: uuid */
            deploymentId: string;
            /** @enum {string} */
            environment: "staging" | "production";
            /**
             * Format: uuid
             * @description Absent if the deployment was started before
             */
            jobId?: string;
            rollbackInfo: components["schemas"]["RollbackInfo"];
            /** @enum {string} */
            status: "initiated" | "in_progress" | "completed" | "failed" | "rolling_back" | "rolled_back" | "rollback_failed" | "cancelled";
            steps: components["schemas"]["DeploymentStep"][];
            /** @description The app's address in each environment */
            urls: {
                production: string | null;
                staging: string | null;
            };
        };
        DeploymentEnd: {
            /** Format: uuid */
            deploymentId: string;
            /** @enum {string} */
            status: "initiated" | "in_progress" | "completed" | "failed" | "rolling_back" | "rolled_back" | "rollback_failed" | "cancelled";
        };
        DeploymentEvent: {
            data: components["schemas"]["DeploymentLogLine"];
            /** @constant */
            event: "message";
            id: string;
        } | {
            data: components["schemas"]["DeploymentStepChange"];
            /** @constant */
            event: "step";
            id: string;
        } | {
            data: components["schemas"]["DeploymentEnd"];
            /** @constant */
            event: "end";
            id: string;
        } | {
            data: components["schemas"]["DeploymentEnd"];
            /** @constant */
            event: "end-of-attempt";
            id: string;
        };
        DeploymentHealth: {
            activeDeployments: number;
            healthy: boolean;
            queuedDeployments: number;
            services: {
                cloudflare: components["schemas"]["ServiceHealth"];
                container_registry: components["schemas"]["ServiceHealth"];
                github: components["schemas"]["ServiceHealth"];
            };
        };
        DeploymentList: {
            deployments: components["schemas"]["DeploymentSummary"][];
            nextCursor: string | null;
        };
        DeploymentLogLine: {
            /** @enum {string} */
            level: "info" | "warn" | "error";
            message: string;
            /** Format: date-time */
            timestamp: string;
        };
        DeploymentLogPage: {
            logs: (components["schemas"]["LoggedLine"] | components["schemas"]["LoggedStepChange"] | components["schemas"]["LoggedEnd"])[];
            /** @description `after` of the next page */
            nextAfter: number | null;
        };
        DeploymentMetrics: {
            deployments: {
                cancelled: number;
                completed: number;
                failed: number;
                medianSeconds: number | null;
                p95Seconds: number | null;
                rolledBack: number;
                steps: {
                    medianSeconds: number | null;
                    name: string;
                    retries: number;
                    step: string;
                }[];
                total: number;
            };
            errors: {
                code: string;
                count: number;
                /** Format: date-time */
                lastAt: string;
            }[];
            hours: number;
            resources: {
                database: {
                    connections: number;
                    maxConnections: number;
                    sizeBytes: number;
                };
                disk: {
                    freeBytes: number;
                    totalBytes: number;
                } | null;
                oldestWaitingSeconds: number | null;
                queueDepth: number;
                queues: {
                    active: number;
                    delayed: number;
                    queue: string;
                    waiting: number;
                    workers: number | null;
                }[];
                workers: number | null;
            };
        };
        DeploymentRollback: {
            bindings?: components["schemas"]["BindingReturn"];
            byHand: boolean;
            reason: string | null;
            /** Format: uuid */
            rollbackId: string;
            steps: {
                error: string | null;
                /** @description The title of the step */
                name: string;
                note: string | null;
                /** @enum {string} */
                status: "pending" | "running" | "completed" | "failed";
                /** @enum {string} */
                step: "validate_config" | "cloudflare_auth" | "check_quotas" | "upload_container" | "provision_resources" | "upload_assets" | "migrate_database" | "deploy_worker" | "rollout_container" | "configure_dns" | "health_check" | "configure_triggers";
            }[];
            targetVersion: string | null;
        };
        DeploymentSource: {
            configPath: string;
            environment: string | null;
            gitCommit?: string;
            redirected: boolean;
            /** @constant */
            tool: "wrangler";
            version: string;
            /** @enum {string} */
            whose: "project" | "capstan";
        };
        DeploymentStatus: {
            completedSteps: {
                /** @description Seconds */
                duration: number;
                /** @description The title of the step */
                name: string;
                /** @constant */
                skipped?: true;
                /** @constant */
                status: "completed";
                /** @enum {string} */
                step: "validate_config" | "cloudflare_auth" | "check_quotas" | "upload_container" | "provision_resources" | "upload_assets" | "migrate_database" | "deploy_worker" | "rollout_container" | "configure_dns" | "health_check" | "configure_triggers";
            }[];
            currentStep: {
                attempt: number;
                endTime: string | null;
                error: string | null;
                logs: string[];
                /** @description The title of the step */
                name: string;
                /** @constant */
                skipped?: true;
                startTime: string | null;
                /** @enum {string} */
                status: "pending" | "running" | "completed" | "failed";
                /** @enum {string} */
                step: "validate_config" | "cloudflare_auth" | "check_quotas" | "upload_container" | "provision_resources" | "upload_assets" | "migrate_database" | "deploy_worker" | "rollout_container" | "configure_dns" | "health_check" | "configure_triggers";
            } | null;
            /** Format: uuid */
            deploymentId: string;
            /** @description Why it failed */
            error: {
                code: string;
                message: string;
                retryable?: boolean;
                suggestedAction?: string;
            } | null;
            metadata: {
                appName: string;
                dryRun: boolean;
                endTime: string | null;
                /** @enum {string} */
                environment: "staging" | "production";
                estimatedCompletion: string | null;
                source?: components["schemas"]["DeploymentSource"];
                /** Format: date-time */
                startTime: string;
                version: string | null;
            };
            progress: {
                current: number;
                percentage: number;
                total: number;
            };
            rollback: components["schemas"]["DeploymentRollback"] | null;
            rollbackInfo: components["schemas"]["RollbackInfo"];
            /** @enum {string} */
            status: "initiated" | "in_progress" | "completed" | "failed" | "rolling_back" | "rolled_back" | "rollback_failed" | "cancelled";
            traffic: components["schemas"]["DeploymentTraffic"] | null;
            /** @description The app's address in each environment */
            urls: {
                production: string | null;
                staging: string | null;
            };
        };
        DeploymentStep: {
            attempt: number;
            endTime: string | null;
            error: string | null;
            /** @description The title of the step */
            name: string;
            /** @constant */
            skipped?: true;
            startTime: string | null;
            /** @enum {string} */
            status: "pending" | "running" | "completed" | "failed";
            /** @enum {string} */
            step: "validate_config" | "cloudflare_auth" | "check_quotas" | "upload_container" | "provision_resources" | "upload_assets" | "migrate_database" | "deploy_worker" | "rollout_container" | "configure_dns" | "health_check" | "configure_triggers";
        };
        DeploymentStepChange: {
            attempt?: number;
            /** @description The title of the step */
            name: string;
            skipped: boolean;
            /** @enum {string} */
            status: "running" | "completed" | "failed";
            /** @enum {string} */
            step: "validate_config" | "cloudflare_auth" | "check_quotas" | "upload_container" | "provision_resources" | "upload_assets" | "migrate_database" | "deploy_worker" | "rollout_container" | "configure_dns" | "health_check" | "configure_triggers";
            /** Format: date-time */
            timestamp: string;
        };
        DeploymentSummary: {
            appName: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: uuid */
            deploymentId: string;
            digest: string;
            dryRun: boolean;
            /** @enum {string} */
            environment: "staging" | "production";
            /** @description Why it failed */
            error: {
                code: string;
                message: string;
                retryable?: boolean;
                suggestedAction?: string;
            } | null;
            finishedAt: string | null;
            /** @enum {string} */
            status: "initiated" | "in_progress" | "completed" | "failed" | "rolling_back" | "rolled_back" | "rollback_failed" | "cancelled";
            version: string | null;
        };
        DeploymentTraffic: {
            /** @enum {string} */
            check: "running" | "proven" | "not_proven" | "failed";
            nextAt: string | null;
            nextPercentage: number | null;
            percentage: number;
            since: string | null;
        };
        DiscardedDraft: {
            /** @constant */
            discarded: true;
            version: string;
        };
        DownloadLink: {
            download_url: string;
            /** Format: date-time */
            expires_at: string;
            expires_in_seconds: number;
            filename: string;
            platform: string;
            sha256: string;
            /** @description Null if it is unknown: another publisher did not record it */
            size: number | null;
            version: string;
        };
        EnvironmentComparison: {
            at: string | null;
            counts: {
                different: number;
                only_left: number;
                only_right: number;
                same: number;
            };
            different: components["schemas"]["ComparedContainer"][];
            left: {
                client_name: string;
                env_name: string;
            };
            only_left: components["schemas"]["ComparedContainer"][];
            only_right: components["schemas"]["ComparedContainer"][];
            right: {
                client_name: string;
                env_name: string;
            };
            same: components["schemas"]["ComparedContainer"][];
            /** Format: date-time */
            timestamp: string;
        };
        EnvironmentCredentials: {
            configured: boolean;
            /** @enum {string} */
            environment: "staging" | "production";
            /** @description Where the credentials are from */
            source: string | null;
            updatedAt: string | null;
        };
        Error: {
            error: {
                code: components["schemas"]["ErrorCode"];
                /** @description Further fields depend on the code and the operation. */
                details: {
                    correlationId: string;
                    fields?: components["schemas"]["FieldFault"][];
                    /** Format: date-time */
                    timestamp: string;
                } & {
                    [key: string]: unknown;
                };
                message: string;
                retryable: boolean;
                suggestedAction: string;
            };
        };
        /** @enum {string} */
        ErrorCode: "AUTH_001" | "AUTH_002" | "AUTH_003" | "AUTH_004" | "AUTH_005" | "DEPLOY_001" | "DEPLOY_002" | "DEPLOY_003" | "DEPLOY_004" | "DEPLOY_005" | "DEPLOY_006" | "DEPLOY_007" | "SYS_001" | "SYS_002" | "SYS_003" | "SYS_004" | "SYS_005" | "SYS_006" | "REQ_001" | "REQ_002" | "REQ_003" | "REQ_004" | "REQ_005" | "REQ_006" | "REQ_007" | "ACCESS_001" | "ACCESS_002" | "ACCESS_003" | "STATE_001" | "STATE_002" | "STATE_003" | "STATE_004";
        FieldFault: {
            path: string;
            problem: string;
        };
        FileUpload: {
            platform: string;
            sha256: string;
            size: number;
            /** @enum {string} */
            state: "pending" | "uploaded";
            /** @description Null once the file has arrived */
            upload: {
                expires_at: string | null;
                /** @constant */
                method: "PUT";
                /** @description For a large file: its parts; a part without `url` has arrived */
                parts: {
                    expires_at: string | null;
                    number: number;
                    offset: number;
                    size: number;
                    url: string | null;
                }[] | null;
                url: string | null;
            } | null;
        };
        FindMissingBlobsBody: {
            digests: string[];
        };
        FoundRelease: {
            client_name: string;
            container_name: string;
            /** @description How it ended; null while it runs */
            ended: ("replaced" | "rolled-back" | "re-tagged" | "removed" | "unknown") | null;
            ended_at: string | null;
            env_name: string;
            /** Format: date-time */
            first_seen: string;
            image_name: string;
            image_repo: string;
            image_sha: string | null;
            image_tag: string;
            /** Format: date-time */
            last_seen: string;
            namespace: string;
            /** @description The API group, for kinds that are not Kubernetes’ own */
            workload_group?: string;
            workload_kind: string;
            workload_name: string;
        };
        FoundReleases: {
            next_cursor: string | null;
            releases: components["schemas"]["FoundRelease"][];
            /** Format: date-time */
            timestamp: string;
            total: number;
        };
        GitHubToken: {
            expiresAt: string;
            permissions: {
                [key: string]: string;
            };
            token: string;
        };
        Health: {
            /** @description Empty if everything works */
            causes: components["schemas"]["HealthCause"][];
            /** @enum {string} */
            database: "healthy" | "unhealthy";
            database_error?: string;
            /** @enum {string} */
            queue: "healthy" | "stalled" | "unhealthy";
            r2_connected: boolean;
            service: string;
            /** @enum {string} */
            status: "healthy" | "degraded" | "unhealthy";
            /** Format: date-time */
            timestamp: string;
            version: string;
            waiting_releases?: components["schemas"]["WaitingReleases"];
        };
        HealthCause: {
            /** @description For people */
            message: string;
            /** @enum {string} */
            part: "database" | "queue" | "rate_limits" | "object_store" | "data_dir" | "clock" | "live_events";
            /** @description For programs */
            reason: string;
        };
        InitialStatusMessage: {
            data: components["schemas"]["BridgeStatus"];
            /** Format: date-time */
            timestamp: string;
            /** @constant */
            type: "initial_status";
        };
        Job: {
            /** @description The number of attempts that have begun */
            attempt: number;
            cancel_requested: boolean;
            /** Format: date-time */
            created_at: string;
            /** @description Why the last attempt failed */
            error: {
                code: string;
                message: string;
            } | null;
            finished_at: string | null;
            /** Format: uuid */
            id: string;
            /** @description The time between being due and its first attempt */
            late_ms: number | null;
            links: {
                events: string;
                self: string;
            };
            max_attempts: number;
            name: string;
            /** @description What the job reports of its progress; its shape depends on the job */
            progress: unknown;
            queue: string;
            started_at: string | null;
            /** @enum {string} */
            state: "queued" | "running" | "retrying" | "completed" | "failed" | "cancelled";
            /** @description What the job is about, such as `deployment:<id>` */
            subject: string | null;
        };
        JobEvent: {
            data: components["schemas"]["JobStateChange"];
            /** @constant */
            event: "state";
            id: string;
        } | {
            data: unknown;
            /** @constant */
            event: "progress";
            id: string;
        } | {
            data: components["schemas"]["JobStateChange"];
            /** @constant */
            event: "end";
            id: string;
        } | {
            data: components["schemas"]["JobStateChange"];
            /** @constant */
            event: "end-of-attempt";
            id: string;
        };
        JobList: {
            jobs: components["schemas"]["Job"][];
            next_cursor: string | null;
        };
        JobStateChange: {
            attempt: number;
            error?: {
                code: string;
                message: string;
            } | null;
            max_attempts?: number;
            /** @enum {string} */
            state: "queued" | "running" | "retrying" | "completed" | "failed" | "cancelled";
        };
        ListedRelease: {
            channel: string | null;
            notes: string | null;
            /** @description The SHA-256 of each platform’s file */
            platforms: {
                [key: string]: string;
            };
            released_at: string | null;
            /** @constant */
            unreadable?: true;
            version: string;
            yanked: components["schemas"]["ReleaseYank"] | null;
        };
        LoggedEnd: {
            /** Format: uuid */
            deploymentId: string;
            /** @description The number of the event */
            id: number;
            /** @enum {string} */
            status: "initiated" | "in_progress" | "completed" | "failed" | "rolling_back" | "rolled_back" | "rollback_failed" | "cancelled";
            /** @constant */
            type: "end";
        };
        LoggedLine: {
            /** @description The number of the event */
            id: number;
            /** @enum {string} */
            level: "info" | "warn" | "error";
            message: string;
            /** Format: date-time */
            timestamp: string;
            /** @constant */
            type: "log";
        };
        LoggedStepChange: {
            attempt?: number;
            /** @description The number of the event */
            id: number;
            /** @description The title of the step */
            name: string;
            skipped: boolean;
            /** @enum {string} */
            status: "running" | "completed" | "failed";
            /** @enum {string} */
            step: "validate_config" | "cloudflare_auth" | "check_quotas" | "upload_container" | "provision_resources" | "upload_assets" | "migrate_database" | "deploy_worker" | "rollout_container" | "configure_dns" | "health_check" | "configure_triggers";
            /** Format: date-time */
            timestamp: string;
            /** @constant */
            type: "step";
        };
        MaintenanceWindow: {
            /** Format: date-time */
            created_at: string;
            created_by: string;
            /** Format: date-time */
            from: string;
            /** Format: uuid */
            id: string;
            node_ids: number[] | null;
            reason: string;
            /** @enum {string} */
            scope: "all" | "nodes";
            /** Format: date-time */
            to: string;
        };
        MaintenanceWindowList: {
            next_cursor: string | null;
            windows: components["schemas"]["MaintenanceWindow"][];
        };
        MissingBlobs: {
            missing: string[];
        };
        NetworkStatistics: {
            networks: {
                /** @enum {string} */
                network: "bnb" | "eth" | "supernova";
                /** Format: date-time */
                period_end: string;
                /** Format: date-time */
                period_start: string;
                total_unwraps: number;
                total_wraps: number;
                unwraps: {
                    avg: number | null;
                    current: number | null;
                    max: number | null;
                    minutes_above_zero: number | null;
                };
                wraps: {
                    avg: number | null;
                    current: number | null;
                    max: number | null;
                    minutes_above_zero: number | null;
                };
            }[];
            /** Format: date-time */
            period_end: string;
            /** Format: date-time */
            period_start: string;
        };
        NewApiToken: {
            /** Format: date-time */
            created_at: string;
            expires_at: string | null;
            /** Format: uuid */
            id: string;
            name: string;
            /** @description The permissions that the credential is limited to; null: those of its user */
            scopes: ("releases:read" | "releases:publish" | "tracker:read" | "tracker:write" | "orchestrators:read" | "orchestrators:write" | "deployments:read" | "deployments:write:staging" | "deployments:write:production" | "jobs:read" | "jobs:write" | "accounts:admin" | "console:admin")[] | null;
            /** @description The token itself, which no other answer contains */
            token: string;
        };
        NewBadgeToken: {
            client_name: string;
            container_name?: string;
            /** Format: date-time */
            created_at: string;
            env_name?: string;
            /** Format: uuid */
            id: string;
            namespace?: string | null;
            /** @description The key itself, which no other answer contains */
            token: string;
            workload_group?: string;
            workload_kind?: string;
            workload_name?: string;
        };
        NodeHistory: {
            next_cursor: string | null;
            node_id: number;
            node_name: string;
            page: number;
            page_size: number;
            snapshots: components["schemas"]["NodeSnapshot"][];
            total: number;
        };
        NodeSnapshot: {
            confirmed_online: boolean | null;
            error_message: string | null;
            id: number;
            is_online: boolean;
            /** @description The requests that wait for a signature, by network */
            network_stats: {
                /** @enum {string} */
                network: "bnb" | "eth" | "supernova";
                unwraps_count: number;
                wraps_count: number;
            }[];
            pillar_name: string | null;
            producer_address: string | null;
            response_time_ms: number | null;
            sample: ("good" | "bad" | "throttled") | null;
            state: number | null;
            state_name: string | null;
            /** Format: date-time */
            timestamp: string;
        };
        NodeStatus: {
            error_message: string | null;
            ip_address: string;
            is_online: boolean;
            last_checked: string | null;
            last_sample: ("good" | "bad" | "throttled") | null;
            /** @description The requests that wait for a signature, by network */
            network_stats: {
                /** @enum {string} */
                network: "bnb" | "eth" | "supernova";
                unwraps_count: number;
                wraps_count: number;
            }[];
            node_id: number;
            node_name: string;
            pillar_name: string | null;
            producer_address: string | null;
            response_time_ms: number | null;
            signals: {
                /** @enum {string} */
                kind: "momentum_stalled" | "height_stalled" | "name_mismatch";
                network: ("bnb" | "eth" | "supernova") | null;
                since: string | null;
            }[];
            state: number | null;
            state_name: string | null;
        };
        OrchestratorNode: {
            /** Format: date-time */
            created_at: string;
            id: number;
            ip_address: string;
            is_active: boolean;
            name: string;
            pubkey: string | null;
            rpc_port: number;
        };
        OrchestratorNodeList: {
            nodes: components["schemas"]["OrchestratorNode"][];
            total: number;
        };
        OwnAccount: {
            /** Format: date-time */
            created_at: string;
            email: string;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            is_admin: boolean;
            rate_limit_burst: number;
            rate_limit_per_second: number;
            /** @description The permissions that the credential is limited to; null: those of its user */
            scopes: ("releases:read" | "releases:publish" | "tracker:read" | "tracker:write" | "orchestrators:read" | "orchestrators:write" | "deployments:read" | "deployments:write:staging" | "deployments:write:production" | "jobs:read" | "jobs:write" | "accounts:admin" | "console:admin")[] | null;
            username: string;
        };
        PasswordChange: {
            access_token?: string;
            /** @description Seconds */
            expires_in?: number;
            message: string;
            /** @constant */
            status: "success";
            /** @constant */
            token_type?: "bearer";
        };
        PastRelease: {
            /** @description How it ended; null while it runs */
            ended: ("replaced" | "rolled-back" | "re-tagged" | "removed" | "unknown") | null;
            ended_at: string | null;
            /** Format: date-time */
            first_seen: string;
            image_name: string;
            image_repo: string;
            image_sha: string | null;
            image_tag: string;
            /** Format: date-time */
            last_seen: string;
            /** @description The API group, for kinds that are not Kubernetes’ own */
            workload_group?: string;
            workload_kind: string;
        };
        PingResult: {
            /** @constant */
            status: "ok";
            /** Format: date-time */
            timestamp: string;
        };
        Plan: {
            checks: {
                /** @enum {string} */
                dependencies: "pass" | "fail";
                /** @enum {string} */
                quotas: "pass" | "fail";
                /** @enum {string} */
                resources: "pass" | "fail";
            };
            /**
             * Format: uuid
             * @description The id of the plan, and of its deployment
             */
            deploymentId: string;
            estimatedCost: components["schemas"]["CostEstimate"];
            /** Format: date-time */
            expiresAt: string;
            plan: {
                addresses: {
                    healthCheck: string | null;
                    previewUrls: boolean;
                    workersDev: boolean;
                };
                changes: components["schemas"]["PlannedChange"][];
                checkBeforeTraffic: {
                    possible: boolean;
                    proof: ("response_header" | "live_log") | null;
                    reason: string | null;
                } | null;
                /** @description The same for plans with the same effects */
                digest: string;
                /** @description True for content that was rolled back before */
                quarantined: boolean;
                source?: components["schemas"]["DeploymentSource"];
                steps: {
                    name: string;
                    /** @enum {string} */
                    step: "validate_config" | "cloudflare_auth" | "check_quotas" | "upload_container" | "provision_resources" | "upload_assets" | "migrate_database" | "deploy_worker" | "rollout_container" | "configure_dns" | "health_check" | "configure_triggers";
                }[];
            };
            /** @constant */
            prepared: true;
            reversible: {
                reasons: string[];
                value: boolean;
            };
        };
        PlannedChange: {
            /** @enum {string} */
            action: "create" | "replace" | "rename" | "delete" | "keep";
            binding?: string;
            kind: string;
            name: string;
            note?: string;
        };
        PossibleRollback: {
            available: boolean;
            code: ("AUTH_001" | "AUTH_002" | "AUTH_003" | "AUTH_004" | "AUTH_005" | "DEPLOY_001" | "DEPLOY_002" | "DEPLOY_003" | "DEPLOY_004" | "DEPLOY_005" | "DEPLOY_006" | "DEPLOY_007" | "SYS_001" | "SYS_002" | "SYS_003" | "SYS_004" | "SYS_005" | "SYS_006" | "REQ_001" | "REQ_002" | "REQ_003" | "REQ_004" | "REQ_005" | "REQ_006" | "REQ_007" | "ACCESS_001" | "ACCESS_002" | "ACCESS_003" | "STATE_001" | "STATE_002" | "STATE_003" | "STATE_004") | null;
            /** Format: uuid */
            deploymentId: string;
            reason: string | null;
            /** @description The versions that serve; null if the cloud could not be read */
            replaces: components["schemas"]["ServingShare"][] | null;
            retryable: boolean;
            serves: boolean;
            suggestedAction: string | null;
            targetDeployment: string | null;
            targetVersion: string | null;
        };
        PrepareDeploymentBody: {
            config: {
                accountId?: string;
                appName: string;
                assets?: {
                    /** @default {} */
                    config?: {
                        _headers?: string;
                        _redirects?: string;
                        base_path?: string;
                        /** @enum {string} */
                        html_handling?: "auto-trailing-slash" | "force-trailing-slash" | "drop-trailing-slash" | "none";
                        /** @enum {string} */
                        not_found_handling?: "none" | "404-page" | "single-page-application";
                        run_worker_first?: boolean | string[];
                    } & {
                        [key: string]: unknown;
                    };
                    files: {
                        contentType: string | null;
                        digest: string;
                        path: string;
                        size: number;
                    }[];
                };
                bindings?: ({
                    name: string;
                    provision?: {
                        create: boolean;
                        name: string;
                    };
                    type: string;
                } & {
                    [key: string]: unknown;
                })[];
                classMigrations?: {
                    deleted_classes?: string[];
                    new_classes?: string[];
                    new_sqlite_classes?: string[];
                    renamed_classes?: {
                        from: string;
                        to: string;
                    }[];
                    tag: string;
                    transferred_classes?: {
                        from: string;
                        from_script: string;
                        to: string;
                    }[];
                }[];
                compatibility?: {
                    /** Format: date */
                    date?: string;
                    flags?: string[];
                };
                container?: {
                    class?: string;
                    /** @enum {string} */
                    instanceType?: "lite" | "basic" | "standard-1" | "standard-2" | "standard-3" | "standard-4";
                    maxInstances?: number;
                    port?: number;
                    pullSecret?: {
                        password: string;
                        username: string;
                    };
                };
                containerImage?: string;
                crons?: string[];
                databases?: {
                    binding: string;
                    files: {
                        digest: string;
                        name: string;
                    }[];
                    /** @default d1_migrations */
                    table?: string;
                }[];
                /** @default [] */
                deleteSecrets?: string[];
                /** @default [] */
                durableObjects?: string[];
                /** @default {} */
                environmentVars?: {
                    [key: string]: string;
                };
                exports?: {
                    [key: string]: unknown;
                };
                github?: {
                    owner: string;
                    ref: string;
                    repo: string;
                };
                /** @default {} */
                healthCheck?: {
                    beforeTraffic?: boolean;
                    enabled?: boolean;
                    /** @default 200-399 */
                    expectStatus?: number | string;
                    host?: string;
                    /** @enum {string} */
                    method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
                    /** @default / */
                    path?: string;
                    /** @default 120 */
                    timeoutSeconds?: number;
                };
                /** @default [] */
                hostnames?: string[];
                keepVars?: boolean;
                metadata?: {
                    [key: string]: unknown;
                };
                /** @default {} */
                migrations?: {
                    /** @default [] */
                    deletedClasses?: string[];
                    /** @default [] */
                    renamedClasses?: {
                        from: string;
                        to: string;
                    }[];
                };
                modules?: {
                    /** Format: base64 */
                    content?: string;
                    digest?: string;
                    name: string;
                    /** @enum {string} */
                    type: "esm" | "commonjs" | "wasm" | "text" | "data" | "sourcemap" | "python";
                }[];
                noMigrate?: boolean;
                previewUrls?: boolean;
                queueConsumers?: {
                    create?: boolean;
                    dead_letter_queue?: string;
                    queue: string;
                    /** @default {} */
                    settings?: {
                        batch_size?: number;
                        max_concurrency?: number | null;
                        max_retries?: number;
                        max_wait_time_ms?: number;
                        retry_delay?: number;
                    };
                }[];
                requiredSecrets?: string[];
                script?: string;
                scriptSettings?: {
                    logpush?: boolean;
                    observability?: ({
                        enabled?: boolean;
                    } & {
                        [key: string]: unknown;
                    }) | null;
                    tags?: string[] | null;
                    tail_consumers?: ({
                        service: string;
                    } & {
                        [key: string]: unknown;
                    })[] | null;
                };
                /** @default {} */
                secrets?: {
                    [key: string]: string;
                };
                source?: {
                    configPath: string;
                    environment: string | null;
                    gitCommit?: string;
                    redirected: boolean;
                    /** @constant */
                    tool: "wrangler";
                    version: string;
                    /** @enum {string} */
                    whose: "project" | "capstan";
                };
                versionSettings?: {
                    [key: string]: unknown;
                };
                workersDev?: boolean;
                workflows?: ({
                    class_name: string;
                    name: string;
                    script_name?: string;
                } & {
                    [key: string]: unknown;
                })[];
            };
            /** @enum {string} */
            environment: "staging" | "production";
        };
        PromoteReleaseBody: {
            /** @enum {string} */
            channel: "stable" | "beta";
        };
        Promotion: {
            /** @enum {string} */
            channel: "stable" | "beta";
            /** Format: uuid */
            job_id: string;
            links: {
                events: string;
                job: string;
            };
            previous: string | null;
            version: string;
        };
        PushReleasesBody: {
            /** @default false */
            all_namespaces?: boolean;
            client_name: string;
            /** Format: uuid */
            collector_id: string;
            env_name: string;
            /** @default [] */
            items?: unknown[];
            /** @default true */
            last?: boolean;
            /** @default [] */
            namespaces?: unknown[];
            /** @default 1 */
            part?: number;
            /** Format: uuid */
            run_id: string;
            sequence: number;
            since: number | null;
        };
        PushResult: {
            /** @description The last run that the master has answered */
            acknowledged: number | null;
            results: components["schemas"]["BatchItemResult"][];
            /** @constant */
            status: "ok";
            /** Format: date-time */
            timestamp: string;
        };
        Readiness: {
            /** @enum {string} */
            database: "healthy" | "unhealthy";
            /** @enum {string} */
            redis: "healthy" | "unhealthy" | "disabled";
            /** @enum {string} */
            status: "ready" | "not_ready";
        };
        RecordedRelease: {
            component: {
                container_name: string;
                namespace: string;
                workload_group?: string;
                workload_kind: string;
                workload_name: string;
            };
            message: string;
            release: {
                image_name: string;
                image_repo: string;
                image_sha: string;
                image_tag: string;
                /** Format: date-time */
                released_at: string;
                version: string;
            };
            /** @constant */
            status: "success";
            /** Format: date-time */
            timestamp: string;
        };
        RecordReleaseBody: {
            client_name?: string;
            env_name?: string;
            /** @default  */
            image_name?: string;
            /** @default  */
            image_repo?: string;
            image_sha: string;
            image_tag: string;
            /** Format: date-time */
            released_at?: string;
        };
        ReleaseDownloads: {
            /** @description The issued links, by platform */
            links: {
                [key: string]: number;
            };
            version: string;
        };
        ReleaseDraft: {
            /** @enum {string} */
            channel: "stable" | "beta";
            /** Format: date-time */
            created_at: string;
            error: {
                code: string;
                message: string;
            } | null;
            files: {
                filename: string;
                platform: string;
                sha256: string | null;
                size: number | null;
                /** @enum {string} */
                state: "missing" | "pending" | "uploaded";
            }[];
            job_id: string | null;
            notes: string | null;
            /** @enum {string} */
            state: "draft" | "publishing" | "sealed" | "published";
            version: string;
        };
        ReleaseEvent: {
            data: {
                client_name: string;
                container_name: string;
                env_name: string;
                /** Format: date-time */
                first_seen: string;
                image_name: string;
                image_repo: string;
                image_sha: string | null;
                image_tag: string;
                namespace: string;
                previous?: {
                    /** @description How it ended; null while it runs */
                    ended: ("replaced" | "rolled-back" | "re-tagged" | "removed" | "unknown") | null;
                    image_sha: string | null;
                    image_tag: string;
                };
                /** @description The API group, for kinds that are not Kubernetes’ own */
                workload_group?: string;
                workload_kind: string;
                workload_name: string;
            };
            /** @constant */
            event: "release";
            id: string;
        } | {
            data: {
                client_name: string;
                container_name: string;
                env_name: string;
                image_sha: string | null;
                image_tag: string;
                /** Format: date-time */
                last_seen: string;
                namespace: string;
                /** @description The API group, for kinds that are not Kubernetes’ own */
                workload_group?: string;
                workload_kind: string;
                workload_name: string;
            };
            /** @constant */
            event: "removed";
            id: string;
        } | {
            data: {
                client_name: string;
                env_name: string;
                /** Format: date-time */
                last_ping: string;
                previous_status: ("online" | "warning" | "offline") | "never";
                /** @enum {string} */
                status: "online" | "warning" | "offline";
            };
            /** @constant */
            event: "status";
            id: string;
        };
        ReleaseList: {
            next_cursor: string | null;
            releases: components["schemas"]["ListedRelease"][];
        };
        ReleaseMetadata: {
            channel: string;
            /** @description The SHA-256 of each platform’s file */
            platforms: {
                [key: string]: string;
            };
            released_at: string;
            /**
             * @description Present if the store did not answer and this is an older copy
             * @constant
             */
            stale?: true;
            version: string;
            /** @description Present if the release was withdrawn */
            yanked?: components["schemas"]["ReleaseYank"];
        } & {
            [key: string]: unknown;
        };
        ReleaseSignature: {
            /** @constant */
            algorithm: "Ed25519";
            key_id: string;
            signature: string;
            version: string;
        };
        ReleaseUpdate: {
            channel: string;
            /** @description The path of the download */
            download: string;
            platform: string;
            released_at: string;
            sha256: string;
            version: string;
        };
        ReleaseYank: {
            /** Format: date-time */
            at: string;
            reason: string;
        };
        RequestUploadBody: {
            parts?: {
                etag: string;
                number: number;
            }[];
            platform: string;
            sha256: string;
            size: number;
        };
        /** @default {} */
        RetryDeploymentBody: {
            maxRetries?: number;
            stepName?: string;
        };
        RevokedBadgeToken: {
            /** Format: uuid */
            id: string;
            /** @constant */
            revoked: true;
        };
        /** @default {} */
        RollBackAppBody: {
            reason?: string;
            /** Format: uuid */
            targetVersion?: string;
        };
        /** @default {} */
        RollBackDeploymentBody: {
            reason?: string;
            /** Format: uuid */
            targetVersion?: string;
        };
        RollbackInfo: {
            available: boolean;
            previousVersion: string | null;
            reasons?: string[];
        };
        RollbackPreview: {
            bindings: components["schemas"]["BindingReturn"] | null;
            /**
             * Format: uuid
             * @description The deployment that is rolled back
             */
            deploymentId: string;
            /** @description Seconds */
            estimatedTime: number;
            /** @description The versions that serve; null if the cloud could not be read */
            replaces: components["schemas"]["ServingShare"][] | null;
            running: boolean;
            /** @description Why the cloud could not be read */
            servingUnknown: string | null;
            targetDeployment: string | null;
            targetVersion: string | null;
            willNotUndo: string[];
        };
        SendPingBody: {
            client_name: string;
            env_name: string;
            slave_version?: string;
            /** Format: date-time */
            timestamp?: string;
        };
        ServiceHealth: {
            issues?: string[];
            /** Format: date-time */
            lastCheck: string;
            /** @description Milliseconds */
            responseTime: number | null;
            /** @enum {string} */
            status: "healthy" | "degraded" | "unhealthy" | "not_configured";
        };
        ServingShare: {
            /** @description The deployment that made the version */
            deploymentId: string | null;
            /** @enum {string} */
            madeBy: "capstan" | "outside";
            percentage: number;
            version: string;
        };
        SignIn: {
            access_token: string;
            /** @description Seconds */
            expires_in: number;
            /** @constant */
            token_type: "bearer";
        };
        SignInBody: {
            password: string;
            username: string;
        };
        SigningKeyList: {
            keys: {
                /** @constant */
                algorithm: "Ed25519";
                /** @description The key that signs new releases */
                current: boolean;
                key_id: string;
                public_key: string;
                revoked: boolean;
            }[];
        };
        StartedCollection: {
            events: string;
            /** Format: uuid */
            jobId: string;
            message: string;
            /** @constant */
            status: "accepted";
            /** Format: date-time */
            timestamp: string;
        };
        StartedDeletion: {
            appName: string;
            /** @enum {string} */
            environment: "staging" | "production";
            /** Format: uuid */
            jobId: string;
            /** @constant */
            status: "initiated";
            willDelete: string[];
        };
        StartedPublication: {
            /** Format: uuid */
            job_id: string;
            links: {
                events: string;
                job: string;
            };
            /** @constant */
            state: "publishing";
            version: string;
        };
        StartedRetry: {
            attempt: number;
            /** Format: uuid */
            jobId: string;
            lastAttempt: number;
            maxAttempts: number;
            /** Format: uuid */
            retryId: string;
            /** @constant */
            status: "initiated";
            /** @enum {string} */
            step: "validate_config" | "cloudflare_auth" | "check_quotas" | "upload_container" | "provision_resources" | "upload_assets" | "migrate_database" | "deploy_worker" | "rollout_container" | "configure_dns" | "health_check" | "configure_triggers";
        };
        StartedRollback: {
            bindings: components["schemas"]["BindingReturn"] | null;
            /**
             * Format: uuid
             * @description The deployment that is rolled back
             */
            deploymentId: string;
            /** @description Seconds */
            estimatedTime: number;
            /** Format: uuid */
            jobId: string;
            /** @description The number of the last event in the log before the rollback */
            logsAfter: number;
            /** @description The versions that serve; null if the cloud could not be read */
            replaces: components["schemas"]["ServingShare"][] | null;
            /** Format: uuid */
            rollbackId: string;
            /** @description Why the cloud could not be read */
            servingUnknown: string | null;
            /** @constant */
            status: "initiated";
            targetDeployment: string | null;
            targetVersion: string | null;
            willNotUndo: string[];
        };
        StatusUpdateMessage: {
            data: components["schemas"]["BridgeStatus"];
            /** Format: date-time */
            timestamp: string;
            /** @constant */
            type: "status_update";
        };
        StoreCredentialsBody: {
            accountId: string;
            cloudflareApiToken: string;
        };
        StoredBlob: {
            digest: string;
        };
        StoredCredentials: {
            accountInfo: {
                id: string;
                name: string | null;
                /** @enum {string} */
                source: "account" | "subscriptions" | "zones" | "assumed";
                /** @enum {string} */
                type: "free" | "pro" | "business" | "enterprise";
            };
            configured: boolean;
            /** @enum {string} */
            environment: "staging" | "production";
            permissions: {
                /** @description Null if it is unknown */
                containers: boolean | null;
                /** @description Null if it is unknown */
                durableObjects: boolean | null;
                /** @description Null if it is unknown */
                workers: boolean | null;
            };
            /** @description Where the credentials are from */
            source: string | null;
            /** @description The names of the values that are unknown */
            unknown: string[];
            updatedAt: string | null;
        };
        Success: {
            message: string;
            /** @constant */
            status: "success";
        };
        TokenVerification: {
            accounts: {
                id: string;
                name: string;
                type: string;
            }[];
            requiredScopes: {
                /** @description Null if it is unknown */
                granted: boolean | null;
                scope: string;
            }[];
            scopes: string[];
            /** @description The names of the values that are unknown */
            unknown: string[];
            user: {
                email: string;
                id: string;
            } | null;
            /** @constant */
            valid: true;
        };
        TrackerConfig: {
            api_key_type: {
                authenticated_client: string;
                is_admin: boolean;
            };
            client_name: string;
            env_name: string;
            /** @enum {string} */
            mode: "standalone" | "master" | "slave";
        };
        UpdateNodeBody: {
            ip_address?: string;
            is_active?: boolean;
            name?: string & (unknown & unknown);
            pubkey?: string | null;
            rpc_port?: number;
        };
        UpdateUserBody: {
            email?: (string & (unknown & unknown)) | null;
            is_active?: boolean | null;
            is_admin?: boolean | null;
            password?: string | null;
            rate_limit_burst?: number | null;
            rate_limit_per_second?: number | null;
            username?: (string & (unknown & unknown)) | null;
        };
        UptimeStatistics: {
            bridge_uptime_percentage: number | null;
            measured_ratio: number | null;
            node_uptimes: {
                measured_ratio: number | null;
                node_id: number;
                node_name: string;
                online_snapshots: number;
                /** Format: date-time */
                period_end: string;
                /** Format: date-time */
                period_start: string;
                total_snapshots: number;
                uptime_percentage: number | null;
            }[];
            /** Format: date-time */
            period_end: string;
            /** Format: date-time */
            period_start: string;
        };
        User: {
            /** Format: date-time */
            created_at: string;
            email: string;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            is_admin: boolean;
            rate_limit_burst: number;
            rate_limit_per_second: number;
            /** Format: date-time */
            updated_at: string;
            username: string;
        };
        UserList: {
            total: number;
            users: components["schemas"]["User"][];
        };
        ValidateCredentialsBody: {
            credentials: {
                accountId: string;
                cloudflareApiToken: string;
            };
            /** @enum {string} */
            environment: "staging" | "production";
        };
        VerifyCloudflareTokenBody: {
            apiToken: string;
            requiredScopes?: string[];
        };
        WaitingReleases: {
            items: number;
            reasons: {
                items: number;
                reason: string;
            }[];
            /**
             * Format: date-time
             * @description When the oldest began to wait
             */
            since: string;
        };
        Withdrawal: {
            /** @description The channels that now point to another version */
            channels: {
                /** @enum {string} */
                channel: "stable" | "beta";
                /** Format: uuid */
                job_id: string;
                links: {
                    events: string;
                    job: string;
                };
                version: string | null;
            }[];
            version: string;
            yanked: components["schemas"]["ReleaseYank"];
        };
        YankReleaseBody: {
            reason: string;
        };
    };
    responses: never;
    parameters: {
        /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
        "Idempotency-Key": string;
        /** @description The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body. */
        "If-None-Match": string;
        /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
        "X-CSRF-Token": string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    openConsole: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To the console, which asks to sign in */
            302: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": unknown;
                    "text/plain": unknown;
                };
            };
        };
    };
    listBadgeTokens: {
        parameters: {
            query?: {
                client_name?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys, without their secrets */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BadgeTokenList"];
                };
            };
        };
    };
    createBadgeToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateBadgeTokenBody"];
            };
        };
        responses: {
            /** @description The key */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewBadgeToken"];
                };
            };
        };
    };
    revokeBadgeToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevokedBadgeToken"];
                };
            };
        };
    };
    listClientEnvironments: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The clients */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClientEnvironments"];
                };
            };
        };
    };
    startCollection: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The collection has started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartedCollection"];
                };
            };
        };
    };
    recordRelease: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                container: string;
                kind: string;
                namespace: string;
                workload: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecordReleaseBody"];
            };
        };
        responses: {
            /** @description Recorded */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordedRelease"];
                };
            };
        };
    };
    pushReleases: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PushReleasesBody"];
            };
        };
        responses: {
            /** @description Received */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PushResult"];
                };
            };
        };
    };
    getTrackerConfig: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The configuration */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrackerConfig"];
                };
            };
        };
    };
    sendPing: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SendPingBody"];
            };
        };
        responses: {
            /** @description Received */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PingResult"];
                };
            };
        };
    };
    compareEnvironments: {
        parameters: {
            query: {
                at?: string;
                format?: "json" | "csv";
                left: string;
                right: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The comparison */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnvironmentComparison"];
                    "text/csv": unknown;
                };
            };
        };
    };
    listCurrentReleases: {
        parameters: {
            query?: {
                at?: string;
                client_name?: string;
                cursor?: string;
                digest?: string;
                env_name?: string;
                format?: "json" | "csv";
                image?: string;
                limit?: number;
                namespace?: string;
                tag?: string;
            };
            header?: {
                /** @description The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The containers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CurrentReleases"];
                    "text/csv": unknown;
                };
            };
            /** @description The body has not changed since the one with the entity tag */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    watchReleases: {
        parameters: {
            query?: {
                after?: string;
                client?: string;
            };
            header?: {
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ReleaseEvent"];
                };
            };
            /** @description The stream has ended, and the reader has all its events */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    searchReleaseHistory: {
        parameters: {
            query?: {
                client_name?: string;
                cursor?: string;
                digest?: string;
                env_name?: string;
                format?: "json" | "csv";
                image?: string;
                kind?: string;
                limit?: number;
                namespace?: string;
                tag?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of periods */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FoundReleases"];
                    "text/csv": unknown;
                };
            };
        };
    };
    getComponentHistory: {
        parameters: {
            query?: {
                cursor?: string;
                digest?: string;
                format?: "json" | "csv";
                image?: string;
                kind?: string;
                limit?: number;
                tag?: string;
            };
            header?: never;
            path: {
                client: string;
                container: string;
                env: string;
                namespace: string;
                workload: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of periods */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ComponentHistory"];
                    "text/csv": unknown;
                };
            };
        };
    };
    signIn: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignInBody"];
            };
        };
        responses: {
            /** @description The JWT */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignIn"];
                };
            };
        };
    };
    signOut: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Signed out */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
        };
    };
    getOwnAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OwnAccount"];
                };
            };
        };
    };
    changeOwnPassword: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeOwnPasswordBody"];
            };
        };
        responses: {
            /** @description Changed; a caller with a JWT gets a new one */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PasswordChange"];
                };
            };
        };
    };
    listTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The tokens, without their secrets */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiTokenList"];
                };
            };
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateTokenBody"];
            };
        };
        responses: {
            /** @description The token */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewApiToken"];
                };
            };
        };
    };
    revokeToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
        };
    };
    listMaintenanceWindows: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of windows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindowList"];
                };
            };
        };
    };
    createMaintenanceWindow: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateMaintenanceWindowBody"];
            };
        };
        responses: {
            /** @description The window */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindow"];
                };
            };
        };
    };
    deleteMaintenanceWindow: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
        };
    };
    listNodes: {
        parameters: {
            query?: {
                active_only?: "true" | "false";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The nodes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrchestratorNodeList"];
                };
            };
        };
    };
    addNode: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AddNodeBody"];
            };
        };
        responses: {
            /** @description The node */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrchestratorNode"];
                };
            };
        };
    };
    getNode: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The node */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrchestratorNode"];
                };
            };
        };
    };
    deactivateNode: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deactivated */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
        };
    };
    updateNode: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateNodeBody"];
            };
        };
        responses: {
            /** @description The node */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrchestratorNode"];
                };
            };
        };
    };
    getNodeHistory: {
        parameters: {
            query?: {
                cursor?: string;
                end_time?: string;
                format?: "json" | "csv";
                page?: number;
                page_size?: number;
                start_time?: string;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the history */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeHistory"];
                    "text/csv": unknown;
                };
            };
        };
    };
    watchBridgeStatus: {
        parameters: {
            query?: {
                after?: string;
            };
            header?: {
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The states */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["BridgeStatusEvent"];
                };
            };
        };
    };
    getBridgeStatus: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BridgeStatus"];
                };
            };
            /** @description The body has not changed since the one with the entity tag */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getBridgeStatusSummary: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BridgeSummary"];
                };
            };
            /** @description The body has not changed since the one with the entity tag */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getBridgeSummary: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BridgeSummary"];
                };
            };
            /** @description The body has not changed since the one with the entity tag */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getBridgeStatistics: {
        parameters: {
            query?: {
                hours?: number;
                interval_minutes?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The counts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BridgeStatistics"];
                };
            };
        };
    };
    getNetworkStatistics: {
        parameters: {
            query?: {
                hours?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sums */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NetworkStatistics"];
                };
            };
        };
    };
    getUptimeStatistics: {
        parameters: {
            query?: {
                hours?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The uptime */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UptimeStatistics"];
                };
            };
        };
    };
    listUsers: {
        parameters: {
            query?: {
                is_active?: "true" | "false";
                limit?: string;
                skip?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of users, and how many there are */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserList"];
                };
            };
        };
    };
    createUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateUserBody"];
            };
        };
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
        };
    };
    deactivateUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deactivated */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
        };
    };
    updateUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateUserBody"];
            };
        };
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
        };
    };
    listUserTokens: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The tokens, without their secrets */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiTokenList"];
                };
            };
        };
    };
    revokeUserToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
        };
    };
    openBridgeStatusSocket: {
        parameters: {
            query?: {
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The socket is open, also if the token is refused: it is then closed at once */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    verifyCloudflareToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VerifyCloudflareTokenBody"];
            };
        };
        responses: {
            /** @description The token, its user and its accounts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["TokenVerification"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    createGitHubToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateGitHubTokenBody"];
            };
        };
        responses: {
            /** @description The token */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["GitHubToken"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    getBadge: {
        parameters: {
            query?: {
                label?: string;
                namespace?: string;
                style?: "flat" | "flat-square" | "plastic" | "for-the-badge" | "social";
            };
            header?: {
                /** @description The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                client: string;
                container: string;
                env: string;
                key: string;
                kind: string;
                workload: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The badge */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BadgeEndpoint"];
                    "image/svg+xml": unknown;
                };
            };
            /** @description The body has not changed since the one with the entity tag */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    listDeployments: {
        parameters: {
            query?: {
                app?: string;
                cursor?: string;
                environment?: "staging" | "production";
                limit?: number;
                status?: "initiated" | "in_progress" | "completed" | "failed" | "rolling_back" | "rolled_back" | "rollback_failed" | "cancelled";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of deployments */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["DeploymentList"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    createDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateDeploymentBody"];
            };
        };
        responses: {
            /** @description The deployment has started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Deployment"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    cancelDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CancelDeploymentBody"];
            };
        };
        responses: {
            /** @description The running step is asked to stop */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["CancelledDeployment"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    readDeploymentLog: {
        parameters: {
            query?: {
                after?: number;
                limit?: number;
            };
            header?: {
                "Last-Event-ID"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The log */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["DeploymentLogPage"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                    "text/event-stream": components["schemas"]["DeploymentEvent"];
                };
            };
            /** @description The stream has ended, and the reader has all its events */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    retryDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RetryDeploymentBody"];
            };
        };
        responses: {
            /** @description The step runs again */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["StartedRetry"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    rollBackDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RollBackDeploymentBody"];
            };
        };
        responses: {
            /** @description The rollback has started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["StartedRollback"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    getDeploymentStatus: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The deployment */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["DeploymentStatus"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    listApps: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The apps */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AppList"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    deleteApp: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                app: string;
                environment: "staging" | "production";
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeleteAppBody"];
            };
        };
        responses: {
            /** @description The deletion has started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["StartedDeletion"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    readAppLog: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app: string;
                environment: "staging" | "production";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The lines, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AppLog"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    previewAppRollback: {
        parameters: {
            query?: {
                targetVersion?: string;
            };
            header?: never;
            path: {
                app: string;
                environment: "staging" | "production";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The effect of the rollback */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["RollbackPreview"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    rollBackApp: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                app: string;
                environment: "staging" | "production";
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RollBackAppBody"];
            };
        };
        responses: {
            /** @description The rollback has started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["StartedRollback"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    listAppVersions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app: string;
                environment: "staging" | "production";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The versions */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AppVersions"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    uploadBlob: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                digest: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": unknown;
            };
        };
        responses: {
            /** @description Stored */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["StoredBlob"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    findMissingBlobs: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FindMissingBlobsBody"];
            };
        };
        responses: {
            /** @description Their digests */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["MissingBlobs"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    getStoredCredentials: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                environment: "staging" | "production";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether it has credentials */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["EnvironmentCredentials"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    storeCredentials: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                environment: "staging" | "production";
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StoreCredentialsBody"];
            };
        };
        responses: {
            /** @description Stored */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["StoredCredentials"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    deleteStoredCredentials: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                environment: "staging" | "production";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether it still has credentials, from its variables */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["EnvironmentCredentials"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    getDeploymentMetrics: {
        parameters: {
            query?: {
                hours?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The counts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["DeploymentMetrics"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    prepareDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PrepareDeploymentBody"];
            };
        };
        responses: {
            /** @description The plan */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Plan"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    validateCredentials: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ValidateCredentialsBody"];
            };
        };
        responses: {
            /** @description What the token may do */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["CredentialInspection"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    showReference: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": unknown;
                };
            };
            /** @description To the sign-in page */
            302: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": unknown;
                    "text/plain": unknown;
                };
            };
        };
    };
    readReferenceFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file: "start.js" | "swagger-ui-bundle.js" | "swagger-ui.css";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/css": unknown;
                    "text/javascript": unknown;
                };
            };
        };
    };
    getDownloadLink: {
        parameters: {
            query?: {
                redirect?: "0" | "1" | "false" | "true";
            };
            header?: {
                /** @description The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                platform: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The link */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DownloadLink"];
                };
            };
            /** @description To the file */
            302: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body has not changed since the one with the entity tag */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The service works, perhaps with restrictions */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    getDeploymentHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The services */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["DeploymentHealth"];
                        metadata: components["schemas"]["AnswerMetadata"];
                        /** @constant */
                        success: true;
                    };
                };
            };
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It takes requests */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    listJobs: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                name?: string;
                queue?: string;
                state?: "queued" | "running" | "retrying" | "completed" | "failed" | "cancelled";
                subject?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of jobs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobList"];
                };
            };
        };
    };
    getJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    cancelJob: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    watchJob: {
        parameters: {
            query?: {
                after?: string;
            };
            header?: {
                "Last-Event-ID"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["JobEvent"];
                };
            };
            /** @description The stream has ended, and the reader has all its events */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    retryJob: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
        };
    };
    showSignInPage: {
        parameters: {
            query?: {
                next?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": unknown;
                };
            };
        };
    };
    submitSignInPage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    next?: string;
                    password: string;
                    username: string;
                };
                "application/x-www-form-urlencoded": {
                    next?: string;
                    password: string;
                    username: string;
                };
            };
        };
        responses: {
            /** @description Signed in */
            303: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": unknown;
                    "text/plain": unknown;
                };
            };
        };
    };
    signOutOfBrowser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/x-www-form-urlencoded": {
                    csrf_token?: string;
                };
            };
        };
        responses: {
            /** @description Signed out */
            303: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": unknown;
                    "text/plain": unknown;
                };
            };
        };
    };
    getOpenApiDocument: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The OpenAPI document */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        openapi: string;
                        paths: {
                            [key: string]: unknown;
                        };
                    } & {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description The body has not changed since the one with the entity tag */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readStoredFile: {
        parameters: {
            query?: {
                disposition?: string;
                expires?: string;
                part?: string;
                signature?: string;
                size?: string;
                upload?: string;
            };
            header?: {
                /** @description The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                /** @description May contain slashes */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "*/*": unknown;
                };
            };
            /** @description A range of the file */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "*/*": unknown;
                };
            };
            /** @description The body has not changed since the one with the entity tag */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    writeStoredFile: {
        parameters: {
            query?: {
                disposition?: string;
                expires?: string;
                part?: string;
                signature?: string;
                size?: string;
                upload?: string;
            };
            header?: never;
            path: {
                /** @description May contain slashes */
                key: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": unknown;
            };
        };
        responses: {
            /** @description Stored */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    listReleases: {
        parameters: {
            query?: {
                channel?: "stable" | "beta";
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of releases */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReleaseList"];
                };
            };
        };
    };
    createDraft: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateDraftBody"];
            };
        };
        responses: {
            /** @description The draft existed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReleaseDraft"];
                };
            };
            /** @description The draft was created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReleaseDraft"];
                };
            };
        };
    };
    getRelease: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The release */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReleaseMetadata"];
                };
            };
        };
    };
    countReleaseDownloads: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The counts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReleaseDownloads"];
                };
            };
        };
    };
    getDraft: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The draft */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReleaseDraft"];
                };
            };
        };
    };
    discardDraft: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Discarded */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiscardedDraft"];
                };
            };
        };
    };
    requestUpload: {
        parameters: {
            query?: never;
            header?: {
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RequestUploadBody"];
            };
        };
        responses: {
            /** @description The state of the file, and the links */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileUpload"];
                };
            };
        };
    };
    promoteRelease: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PromoteReleaseBody"];
            };
        };
        responses: {
            /** @description Promoted */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Promotion"];
                };
            };
        };
    };
    publishRelease: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The publication has started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartedPublication"];
                };
            };
        };
    };
    getReleaseSignature: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The signature */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReleaseSignature"];
                };
            };
        };
    };
    yankRelease: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description Required with a session: the value of the cookie `XSRF-TOKEN`. */
                "X-CSRF-Token"?: components["parameters"]["X-CSRF-Token"];
            };
            path: {
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["YankReleaseBody"];
            };
        };
        responses: {
            /** @description Withdrawn */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Withdrawal"];
                };
            };
        };
    };
    listSigningKeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SigningKeyList"];
                };
            };
        };
    };
    getLatestRelease: {
        parameters: {
            query?: {
                channel?: "stable" | "beta";
            };
            header?: {
                /** @description The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The release */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReleaseMetadata"];
                };
            };
            /** @description The body has not changed since the one with the entity tag */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    findUpdate: {
        parameters: {
            query: {
                channel?: "stable" | "beta";
                current: string;
                platform: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The release */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReleaseUpdate"];
                };
            };
            /** @description There is none */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
