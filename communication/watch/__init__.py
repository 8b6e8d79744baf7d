"""`clusterctl comm watch`: new traces and logs of a folder, measured in processes of their own, handed to the agent."""
